"""A notification: who gets which message by which scenario.

A route makes notifications of an event; the body of a `format: message` source and a schedule's payload are one.
"""

import re
from collections.abc import Sequence
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
    ValidationError,
    field_validator,
)

from relay import limits
from relay.message.channels import Channels, checked_channels, is_blank, silent_fields
from relay.message.cleaning import message_line, message_text
from relay.message.recipients import Recipient, read_recipients
from relay.message.urls import check_public_url
from relay.message.wording import AN_INSTANT, field_errors
from relay.problems import FieldError, InvalidBody

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:", re.ASCII)  # ISO 8601; Pydantic checks what follows
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]


def _instant(value: Any) -> Any:
    """Lets date-times pass, as text or not. A number is refused, because Pydantic would count its seconds from 1970."""
    if isinstance(value, str):
        text = value.strip()
        if not text or _DATE_TIME.match(text):
            return text or None
    elif value is None or isinstance(value, datetime):
        return value
    raise ValueError(AN_INSTANT)


class Notification(BaseModel):
    """A notification with the fields that a sender writes; `parse_notification` reads one and checks it as a whole.

    The fields are `{id, to: [{phone, email}], scenario, text, subject}` and, for the API's advanced form, `channels` (a
    body per OMNI channel), `sendAt`, `callbackData` and `notifyUrl`. All texts come out fit for a message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, StringConstraints(min_length=1, max_length=limits.EVENT_ID_CHARS)] | None = None
    to: Annotated[tuple[Recipient, ...], BeforeValidator(read_recipients)]
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

    @field_validator("channels")
    @classmethod
    def _fit_the_api(cls, value: Channels | None) -> Channels | None:
        return value and checked_channels(value)

    @field_validator("notify_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        if value is None or is_blank(value):
            return None
        check_public_url(value)
        return value


def parse_notification(raw: Any) -> Notification:
    """Reads a notification: a message body, a schedule's payload, or what a route makes of an event.

    Raises:
        InvalidBody: it lists each wrong field, `limits.ERRORS` at most. Values are not repeated.
    """
    fields = raw if isinstance(raw, dict) else {}
    channels = fields.get("channels")
    # Thousands of wrong names would cost, and say, too much.
    if any(isinstance(each, dict) and len(each) > limits.FIELDS for each in (fields, channels)):
        raise _invalid([FieldError("(body)", f"expected at most {limits.FIELDS} fields")])
    errors: list[FieldError] = []
    try:
        notification = Notification.model_validate(raw)
    except ValidationError as problem:
        errors = field_errors(problem)
    if isinstance(raw, dict):  # Pydantic checks no rule across fields once one of them is wrong
        errors += silent_fields(fields.get("text"), channels)
    if errors:
        raise _invalid(errors)
    return notification


def _invalid(errors: Sequence[FieldError]) -> InvalidBody:
    return InvalidBody("Correct the fields listed in errors.", errors=errors[: limits.ERRORS])
