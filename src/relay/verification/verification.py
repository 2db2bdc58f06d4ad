"""A source's verification: its preset, with what the source has set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay.verification.event_ids import from_header
from relay.verification.inbound import InboundRequest
from relay.verification.presets import PRESETS, Preset
from relay.verification.primitives import CertificateSource, Keys


@dataclass(frozen=True, slots=True)
class Verification:
    """`preset` is the table's row with the source's own settings in its scheme."""

    preset: Preset

    def check(
        self, request: InboundRequest, secrets: Sequence[str], certificates: CertificateSource | None = None
    ) -> None:
        """Returns when any of the secrets proves the request genuine.

        Raises:
            NotAuthenticated: it doesn't, or there is no secret; nothing else is raised for whatever bytes come.
            Unavailable: what the certificate source raises (SNS only).
        """
        self.preset.scheme.check(request, Keys(tuple(secrets), certificates))

    def event_id(self, request: InboundRequest, body: Any) -> str | None:
        """The event's own name: printable, at most 128 characters. None where this sender gives none."""
        return self.preset.event_id(request, body)


def parse(value: str | Mapping[str, Any]) -> Verification:
    """Reads what stands under `verify:`, a preset's name or a mapping with `preset` and its settings.

    Raises:
        ValueError: as pydantic.ValidationError where a field is wrong; it says the field and what was expected.
    """
    given = {"preset": value} if isinstance(value, str) else value
    name = given.get("preset") if isinstance(given, Mapping) else None
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"expected a preset, one of {', '.join(PRESETS)}")
    row = PRESETS[name]
    overrides = row.settings.model_validate(given).overrides()
    event_id = from_header(overrides["id_header"]) if "id_header" in overrides else row.event_id
    return Verification(replace(row, scheme=replace(row.scheme, **overrides), event_id=event_id))
