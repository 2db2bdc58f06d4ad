"""Describes a request by which a sender sets its webhook up, and what it is answered with. None of it is an event."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from relay.verification.places import PART, PLACE, Places

SIGNATURE, NOTHING, ANY = "signature", "none", "*"
TOKEN_MARK = "verify-token:"  # noqa: S105 -- what such a secret begins with; it only sets webhooks up

_ANSWER_PART = re.compile(rf"(?:hmac-sha(?:256|384|512)-(?:hex|base64|base64url):)?(?:{PLACE})", re.ASCII)


def _known_parts(template: str) -> str:
    unknown = [part for part in PART.findall(template) if not _ANSWER_PART.fullmatch(part)]
    if unknown:
        raise ValueError(f"unknown placeholder {{{unknown[0]}}}; expected {{header:…}}, {{query:…}} or {{field:…}}")
    return template


Place = Annotated[str, StringConstraints(pattern=f"^({PLACE})$", max_length=300)]
Text = Annotated[str, StringConstraints(max_length=1000)]
Template = Annotated[Text, AfterValidator(_known_parts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Recognises such a request, and describes its answer.

    Attributes:
        method: POST, or GET or OPTIONS, which a source refuses without such a handshake.
        when: the values by which it is recognised, by place; `*` stands for any. All of them must be there.
        proof: what is proven before it is answered: `signature` as for an event, `none`, or the place of a token. The
            token is a secret of the source that begins with `verify-token:`, which verifies no event.
        answer: a template of plain text, or an object of templates, numbers and booleans that becomes JSON. Its parts
            are `{header:Name}`, `{query:name}`, `{field:path}` and, for an HMAC by the secret, such as
            `{hmac-sha256-hex:field:path}`.
        headers: templates of further headers of the answer.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    when: Annotated[Mapping[Place, Text], Field(min_length=1)]
    method: Literal["GET", "POST", "OPTIONS"] = "POST"
    proof: Literal["signature", "none"] | Place = SIGNATURE
    answer: Template | Mapping[str, StrictInt | StrictBool | Template] = ""
    status: Annotated[int, Field(ge=200, le=299, strict=True)] = 200
    headers: Mapping[Annotated[str, StringConstraints(pattern=r"^[A-Za-z-]{1,64}$")], Template] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        texts = self.answer.values() if isinstance(self.answer, Mapping) else [self.answer]
        places = [*self.when, self.proof, *map(str, texts), *self.headers.values()]
        if self.method != "POST" and any("field:" in named for named in places):
            raise ValueError(f"{self.method} has no body: expected no field")

    @property
    def is_event_like(self) -> bool:
        """Whether it is recognised only after the same proof as an event's."""
        return self.method == "POST" and self.proof == SIGNATURE

    def asked(self, places: Places) -> bool:
        """Tells whether this request is such a one. Raises NotAuthenticated if it can't be read."""
        if places.request.method != self.method:
            return False
        for place, expected in self.when.items():
            found = places.all(place)
            if len(found) != 1 or not found[0] or expected not in (ANY, found[0]):
                return False
        return True
