"""A notification: who gets which message by which scenario.

It is what a route makes of an event, the body of a `format: message` source, and the payload of a schedule.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from omni.contents import CONTENT_FIELDS
from omni.models import AdvancedRequest
from relay.destinations import Destination, DestinationProblem, parse_destination
from relay.urls import UnsafeUrl, check_public_url
from relay.wording import expected, misplaced, place_of

CALLBACK_DATA_CHARS = 4_000  # the API's own limit
TEXT_CHARS = 20_000
MAX_DESTINATIONS = 5_000
MAX_FIELDS = 30  # and channels: twice what there is
_CHANNEL = re.compile(r"[a-z][A-Za-z]{0,31}")  # a channel of next year's is welcome, another field of the request isn't
_OTHER_FIELDS = {
    name
    for field, info in AdvancedRequest.model_fields.items()
    if info.alias not in CONTENT_FIELDS.values()
    for name in (field, info.alias)
}
# A channel of these says its text; the others may show a picture or fill in a template instead.
_TEXT_ONLY = frozenset({"sms", "email", "voice"})
_NO_CONTENT = frozenset(
    {"text", "validityPeriod", "validityPeriodTimeUnit", "language", "isPromotional", "buttonText", "buttonURL"}
)
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]


class Notification(BaseModel):
    """Fields as a sender writes them: `{id, to: [{phone, email}], scenario, text, subject}` and, for the API's
    advanced form, `channels` (a body per OMNI channel), `sendAt`, `callbackData` and `notifyUrl`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    to: Annotated[tuple[Destination, ...], Field(min_length=1, max_length=MAX_DESTINATIONS)]
    scenario: _Name
    text: Annotated[str, StringConstraints(max_length=TEXT_CHARS)] | None = None
    subject: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    channels: dict[str, dict[str, Any]] | None = None
    send_at: Annotated[datetime | None, Field(validation_alias=AliasChoices("sendAt", "send_at"))] = None
    callback_data: Annotated[
        str | None,
        Field(validation_alias=AliasChoices("callbackData", "callback_data"), max_length=CALLBACK_DATA_CHARS),
    ] = None
    notify_url: Annotated[str | None, Field(validation_alias=AliasChoices("notifyUrl", "notify_url"))] = None

    @model_validator(mode="before")
    @classmethod
    def _not_too_much(cls, value: Any) -> Any:
        """Before each field is looked at: thousands of wrong ones would cost, and say, too much."""
        channels = value.get("channels") if isinstance(value, dict) else None
        if any(isinstance(each, dict) and len(each) > MAX_FIELDS for each in (value, channels)):
            raise ValueError(f"expected at most {MAX_FIELDS} fields")
        return value

    @field_validator("to", mode="before")
    @classmethod
    def _parse_destinations(cls, value: Any) -> tuple[Destination, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError("expected a list of {phone, email}")  # noqa: TRY004 - Pydantic turns a ValueError into a field's error
        if len(value) > MAX_DESTINATIONS:  # before the work of reading them
            raise ValueError(f"expected at most {MAX_DESTINATIONS} destinations")
        return tuple(dict.fromkeys(_destination(index, entry) for index, entry in enumerate(value)))

    @field_validator("channels")
    @classmethod
    def _fit_the_api(cls, value: dict[str, dict[str, Any]] | None) -> dict[str, dict[str, Any]] | None:
        for name in value or ():
            if not _CHANNEL.fullmatch(name) or name in _OTHER_FIELDS:
                raise ValueError("expected names of channels, such as sms, email or whatsApp")
        try:
            AdvancedRequest.model_validate({"destinations": (), **(value or {})})
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            raise misplaced(place_of(first), expected(first)) from None
        return value and {name: _without_nulls(body) for name, body in value.items()}

    @field_validator("notify_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                check_public_url(value)
            except UnsafeUrl as problem:
                raise ValueError(str(problem)) from None
        return value

    @model_validator(mode="after")
    def _has_something_to_say(self) -> "Notification":
        """On each channel that it names; without these, everywhere."""
        if not self.channels and _is_blank(self.text):
            raise misplaced(("text",), "expected a text, or channels with their own")
        for name, body in (self.channels or {}).items():
            if _is_blank(body.get("text", self.text)) and (name in _TEXT_ONLY or body.keys() <= _NO_CONTENT):
                raise misplaced(
                    ("channels", name, "text"), "expected a text that isn't blank, here or for all channels"
                )
        return self


def _is_blank(text: Any) -> bool:
    return text is None or not str(text).strip()


def _without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    """A null is an absent value: it must not hide what holds for all channels."""
    return {name: value for name, value in body.items() if value is not None}


def _destination(index: int, entry: Any) -> Destination:
    if isinstance(entry, Destination):
        return entry
    if not isinstance(entry, dict):
        raise misplaced((index,), "expected an object with phone, email or both")
    try:
        return parse_destination(entry)
    except DestinationProblem as problem:
        place = (index,) if problem.field == "destination" else (index, problem.field)
        raise misplaced(place, problem.detail) from None
