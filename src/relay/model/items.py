"""The items of the queues: what the delivery queue has to work on, and what is parked until a person acts."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from relay.model.dispatches import Dispatch, Step
from relay.model.events import Event
from relay.model.ids import derive_id
from relay.model.records import Record


class Watch(BaseModel):
    """Messages whose delivery is awaited, because their route has `unless_delivered`.

    Attributes:
        event_id, source, route: the names for logs and for the dispatches that follow.
        message_ids: the messages of one dispatch.
        steps: the first is due when the item is; it brings the others with it.
    """

    model_config = ConfigDict(frozen=True)

    event_id: str
    source: str
    route: str
    message_ids: tuple[str, ...]
    steps: tuple[Step, ...]

    @classmethod
    def over(cls, dispatch: Dispatch) -> Self:
        """Watches over all messages of a dispatch that has `unless_delivered`."""
        return cls(
            event_id=dispatch.event_id,
            source=dispatch.source,
            route=dispatch.route,
            message_ids=tuple(message.message_id for message in dispatch.messages),
            steps=dispatch.unless_delivered,
        )


class QueueItem(BaseModel):
    """An item of the delivery queue, which holds one of four things.

    Attributes:
        dispatch: to be sent.
        event: to be routed again.
        watch: messages to look after.
        records: those that could not be written at once.
        attempts: together with the number of times that the queue's message was received, it numbers the attempt.
        first_attempt_at: when the first attempt began (aware).
        not_before: when the next attempt is due (aware), because the queue can't delay a message for hours.
        after: the id of the last dispatch of the event that is durable already. The work goes on with the next one.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    dispatch: Dispatch | None = None
    event: Event | None = None
    watch: Watch | None = None
    records: tuple[Record, ...] | None = None
    attempts: int = Field(default=0, ge=0)
    first_attempt_at: datetime
    not_before: datetime | None = None
    after: str | None = None

    @model_validator(mode="after")
    def _holds_one(self) -> "QueueItem":
        held = [thing for thing in (self.dispatch, self.event, self.watch, self.records) if thing is not None]
        if len(held) != 1:
            raise ValueError("expected one of dispatch, event, watch, records")
        return self


class Reason(StrEnum):
    """Why something is parked. `docs/reliability.md` says what to do about each reason."""

    ROUTE_INVALID = "route_invalid"
    UNKNOWN_SCENARIO = "unknown_scenario"
    REQUEST_REFUSED = "request_refused"
    MESSAGES_REJECTED = "messages_rejected"
    STATUS_UNKNOWN = "status_unknown"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    ACCOUNT_BLOCKED = "account_blocked"
    MALFORMED_ITEM = "malformed_item"


class Parked(BaseModel):
    """An item of the dead-letter queue. It holds a dispatch, an event, or the `raw` text of a queue message.

    A raw text is a watch whose time ran out, or none of ours.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    reason: Reason
    detail: str
    source: str
    dispatch: Dispatch | None = None
    event: Event | None = None
    raw: Any = None
    attempts: int
    first_attempt_at: datetime
    last_attempt_at: datetime

    def replayed(self, now: datetime) -> QueueItem | None:
        """Returns what a replay puts back: the dispatch, the event for today's routes, or the queue message that `raw`
        holds. None if nothing can go back.

        Messages that OMNI has rejected get new ids, because it may remember the old ones. All other messages keep
        their ids: OMNI may already have the message, and then says so. New ids derive from the old ones, so that an
        item that is put back twice is recognised, and one that is parked again can be replayed again.
        """
        if self.dispatch:
            return QueueItem(dispatch=_REISSUES.get(self.reason, _as_it_was)(self.dispatch), first_attempt_at=now)
        if self.event:
            nonce = derive_id("replay", self.event.nonce)
            return QueueItem(event=self.event.model_copy(update={"nonce": nonce}), first_attempt_at=now)
        try:
            item = QueueItem.model_validate_json(self.raw)
        except (ValidationError, TypeError):
            return None
        return item.model_copy(update={"attempts": 0, "first_attempt_at": now})


def _as_it_was(dispatch: Dispatch) -> Dispatch:
    return dispatch


# These ended by being parked, and their receipt is on the ledger. Under the old id they would be taken for sent.
_REISSUES: Mapping[Reason, Callable[[Dispatch], Dispatch]] = {
    Reason.MESSAGES_REJECTED: Dispatch.renewed,
    Reason.REQUEST_REFUSED: Dispatch.reissued,
    Reason.UNKNOWN_SCENARIO: Dispatch.reissued,
    Reason.STATUS_UNKNOWN: Dispatch.reissued,
}
