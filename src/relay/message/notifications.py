"""A notification: who gets which message by which scenario.

It is what a route makes of an event, the body of a `format: message` source, and the payload of a schedule.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from relay import limits
from relay.message.channels import Channels, check_speaks, checked_channels, is_blank
from relay.message.cleaning import message_line, message_text
from relay.message.recipients import Recipient, parse_recipient
from relay.message.urls import check_public_url
from relay.message.wording import AN_INSTANT, misplaced
from relay.problems import Mistake

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:", re.ASCII)  # ISO 8601; what follows is Pydantic's to check
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]


def _instant(value: Any) -> Any:
    """Lets date-times pass, as text or not, but no number: Pydantic would count its seconds from 1970."""
    if isinstance(value, str):
        text = value.strip()
        if not text or _DATE_TIME.match(text):
            return text or None
    elif value is None or isinstance(value, datetime):
        return value
    raise ValueError(AN_INSTANT)


class Notification(BaseModel):
    """Fields as a sender writes them: `{id, to: [{phone, email}], scenario, text, subject}` and, for the API's
    advanced form, `channels` (a body per OMNI channel), `sendAt`, `callbackData` and `notifyUrl`. All texts
    come out fit for a message, whichever way they came.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    id: Annotated[str, StringConstraints(min_length=1, max_length=limits.EVENT_ID_CHARS)] | None = None
    to: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=limits.RECIPIENTS)]
    scenario: _Name
    text: Annotated[str, StringConstraints(max_length=limits.TEXT_CHARS), AfterValidator(message_text)] | None = None
    subject: Annotated[str, StringConstraints(max_length=limits.SUBJECT_CHARS), AfterValidator(message_line)] | None = (
        None
    )
    channels: Channels | None = None
    send_at: Annotated[
        AwareDatetime | None, BeforeValidator(_instant), Field(validation_alias=AliasChoices("sendAt", "send_at"))
    ] = None
    callback_data: Annotated[
        Annotated[str, StringConstraints(max_length=limits.CALLBACK_DATA_CHARS), AfterValidator(message_text)] | None,
        Field(validation_alias=AliasChoices("callbackData", "callback_data")),
    ] = None
    notify_url: Annotated[str | None, Field(validation_alias=AliasChoices("notifyUrl", "notify_url"))] = None

    @model_validator(mode="before")
    @classmethod
    def _not_too_much(cls, value: Any) -> Any:
        """Before each field is looked at: thousands of wrong ones would cost, and say, too much."""
        channels = value.get("channels") if isinstance(value, dict) else None
        if any(isinstance(each, dict) and len(each) > limits.FIELDS for each in (value, channels)):
            raise ValueError(f"expected at most {limits.FIELDS} fields")
        return value

    @field_validator("to", mode="before")
    @classmethod
    def _parse_recipients(cls, value: Any) -> tuple[Recipient, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError("expected a list of {phone, email}")  # noqa: TRY004 - Pydantic turns a ValueError into a field's error
        if len(value) > limits.RECIPIENTS:  # before the work of reading them
            raise ValueError(f"expected at most {limits.RECIPIENTS} destinations")
        return _without_repetitions([_recipient(index, entry) for index, entry in enumerate(value)])

    @field_validator("channels")
    @classmethod
    def _fit_the_api(cls, value: Channels | None) -> Channels | None:
        return value and checked_channels(value)

    @field_validator("notify_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        if is_blank(value):
            return None
        try:
            check_public_url(value or "")
        except Mistake as problem:
            raise ValueError(str(problem)) from None
        return value

    @model_validator(mode="after")
    def _has_something_to_say(self) -> "Notification":
        """On each channel that it names; without these, everywhere."""
        if not self.channels and is_blank(self.text):
            raise misplaced(("text",), "expected a text, or channels with their own")
        check_speaks(self.channels or {}, self.text)
        return self


def _without_repetitions(recipients: Iterable[Recipient]) -> tuple[Recipient, ...]:
    """Merges pairs that are equal but for the letter case of an email, which no mail host tells apart.

    `{phone}` beside `{phone, email}` stays: which of them the scenario's channels will reach only OMNI knows.
    """
    first: dict[tuple[str | None, str], Recipient] = {}
    for recipient in recipients:
        first.setdefault((recipient.phone, (recipient.email or "").lower()), recipient)
    return tuple(first.values())


def _recipient(index: int, entry: Any) -> Recipient:
    if isinstance(entry, Recipient):
        return entry
    if not isinstance(entry, dict):
        raise misplaced((index,), "expected an object with phone, email or both")
    try:
        return parse_recipient(entry)
    except Mistake as problem:
        place = (index, problem.place) if problem.place else (index,)
        raise misplaced(place, problem.detail) from None
