"""A record: what is known of one message, from OMNI's answer to its end."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from omni import statuses
from omni.models import Status
from relay import limits
from relay.model.dispatches import Step


class State(StrEnum):
    """Where a message stands. All but the first two are final; a final state never changes."""

    SENT = "sent"
    PARKED = "parked"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNREPORTED = "unreported"

    @property
    def final(self) -> bool:
        return self not in (State.SENT, State.PARKED)


# A status of any other group says that the message is still on its way.
FINAL_STATES: Mapping[int, State] = {
    statuses.DELIVERED: State.DELIVERED,
    statuses.UNDELIVERABLE: State.UNDELIVERED,
    statuses.EXPIRED: State.EXPIRED,
    statuses.REJECTED: State.REJECTED,
}


def final_state(status: Status) -> State | None:
    """Returns the final state that a status means, or None if the message is still on its way.

    A rejection that doesn't park a message is no end: the relay itself repeats a message id after a lost answer, which
    OMNI rejects as a duplicate, and it sends again what was rejected for want of credit.
    """
    group = statuses.group_of(status)
    if group == statuses.REJECTED and statuses.classify(status) is not statuses.Policy.PARK:
        return None
    return None if group is None else FINAL_STATES.get(group)


_STATUS_FIELDS = ("groupId", "groupName", "id", "name")  # the description and the action are OMNI's prose


def shown_status(status: Status) -> dict[str, Any]:
    """Returns what logs and records show of a status."""
    wire = status.wire()
    return {field: wire.get(field) for field in _STATUS_FIELDS}


class Report(BaseModel):
    """OMNI's word on a message after it took it.

    Attributes:
        channel: the one that carried the message, in OMNI's words, such as `VIBER`.
        status: groupId, groupName, id and name.
        error: the same of the error, and `permanent`. Logs have none.
        sent_at: when OMNI took the message (aware).
        done_at: when the message reached this status (aware).
        price: pricePerMessage and currency.
    """

    model_config = ConfigDict(frozen=True)

    channel: str | None = None
    status: dict[str, Any]
    error: dict[str, Any] | None = None
    sent_at: datetime | None = None
    done_at: datetime | None = None
    price: dict[str, Any] | None = None

    @field_validator("channel", "status", "error", "price")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """Cuts long texts, so that the record of a hostile report still fits into the table."""
        if isinstance(value, str):
            return value[: limits.REPORT_CHARS]
        return {name: cls._short(entry) for name, entry in value.items()} if isinstance(value, dict) else value


class Record(BaseModel):
    """All that is known of one message.

    Attributes:
        dispatch_id: also OMNI's bulk id.
        to: the recipient's addresses, masked.
        phone_hash, email_hash: keyed hashes of the addresses. They find the messages of a recipient.
        attempt: the number of the attempt that OMNI answered.
        at: when OMNI took it, or when it was parked (aware). If OMNI sends it later (`sendAt`), that time.
        awaited: whether OMNI is asked what became of it.
        status: OMNI's answer to the send.
        detail: why it is parked.
        ended_at: when the final state was recorded (aware).
        report: the one that brought the final state.
        told: the final state was logged, counted and published.
        unless_delivered: what follows if the message is not delivered. It is removed once the end was told.
        content: what was sent, if KeepContent is set.
    """

    model_config = ConfigDict(frozen=True)

    message_id: str
    event_id: str
    source: str
    route: str
    scenario: str
    dispatch_id: str
    to: dict[str, str]
    phone_hash: str | None = None
    email_hash: str | None = None
    attempt: int
    at: datetime
    state: State
    awaited: bool = True
    status: dict[str, Any] | None = None
    detail: str | None = None
    ended_at: datetime | None = None
    report: Report | None = None
    told: bool = False
    unless_delivered: tuple[Step, ...] = ()
    content: dict[str, Any] | None = None
