"""Rotates a source's secret: the new one stands before the old one, until the old one has gone out of use."""

import base64
import json
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cli.frame import Mistake
from cli.log_lines import lines_of
from cli.pushing import Store
from cli.target import Target
from configuration.mistakes import nearest
from configuration.parameters import Parameter, secret_value
from relay.configure.sources import parse_secrets
from relay.verification import Verification, parse
from relay.verification.verification import signing

_BYTES = 32
# These senders make their secrets themselves, or have a form of their own.
_GIVEN = frozenset({"stripe", "slack", "shopify", "svix", "twilio", "pagerduty", "basic"})


@dataclass(frozen=True, slots=True)
class Rotation:
    """The secrets of a source in SSM, the newest first, and when they were written."""

    store: Store
    source: str
    verification: Verification
    secrets: tuple[str, ...]
    written_at: datetime

    @property
    def is_under_way(self) -> bool:
        return len(signing(self.secrets)) > 1

    def begin(self, given: str | None) -> str:
        """Puts a new secret before the present one, and gives it. None makes one. Raises Mistake."""
        if self.is_under_way:
            raise Mistake(f"source {self.source} rotates already: end that first, by --finish")
        new = given or self._made()
        if new in self.secrets:
            raise Mistake("this is the present secret: expected another one")
        self._write([new, *self.secrets])
        return new

    def finish(self) -> None:
        """Drops all secrets but the newest. A token of a handshake stays."""
        newest, *rest = signing(self.secrets)
        tokens = [secret for secret in self.secrets if secret not in {newest, *rest}]
        self._write([newest, *tokens] if tokens else newest)

    def uses(self, target: Target) -> Counter[int]:
        """Counts the requests that each secret has proved since they were written, by position from 1 on."""
        lines = lines_of(target).between(self.written_at, datetime.now(UTC))
        return Counter(line["proved_by"] for line in lines if line.get("source") == self.source and "proved_by" in line)

    def _made(self) -> str:
        if self.verification.name in _GIVEN:
            raise Mistake(f"{self.verification.name} makes its own secret: give it by --new FILE, or by --new -")
        if self.verification.name == "standard-webhooks":
            return f"whsec_{base64.b64encode(secrets.token_bytes(_BYTES)).decode()}"
        return secrets.token_urlsafe(_BYTES)

    def _write(self, value: str | list[str]) -> None:
        self.store.write(Parameter(f"sources/{self.source}/secrets", "SecureString", secret_value(value)))


def rotation_of(target: Target, source: str, kms_key_id: str | None = None) -> Rotation:
    """Reads what SSM holds of a source. Raises Mistake if it has no such source, or if the source has no secret."""
    store = Store(target.client("ssm"), target.prefix, kms_key_id)
    state = store.state()
    settings = state.get(f"sources/{source}/settings")
    if settings is None:
        raise Mistake(f"{target.name} has no source {source}{_meant(source, state)}")
    verification = parse(json.loads(settings.value)["verify"])
    if not verification.has_secret:
        raise Mistake(f"source {source} has no secret: {verification.name} signs with a certificate")
    name = f"sources/{source}/secrets"
    if name not in state:
        raise Mistake(f"source {source} has no secret yet: push one by `omni-relay push --secrets FILE`")
    written = store.client.get_parameter(Name=f"{store.prefix}/{name}")["Parameter"]["LastModifiedDate"]
    return Rotation(store, source, verification, parse_secrets(state[name].value), written)


def _meant(source: str, names: Iterable[str]) -> str:
    found = nearest(source, {name.split("/")[1] for name in names if name.startswith("sources/")})
    return f". Did you mean {found}?" if found else ""
