"""What can't go on until a person acts, as it stands in the dead-letter queue."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from relay.dispatches import Dispatch
from relay.events import Event
from relay.queueing import QueueItem


class Reason(StrEnum):
    """Why something is parked; `docs/reliability.md` says what to do about each."""

    ROUTE_INVALID = "route_invalid"
    UNKNOWN_SCENARIO = "unknown_scenario"
    REQUEST_REFUSED = "request_refused"
    MESSAGES_REJECTED = "messages_rejected"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    ACCOUNT_BLOCKED = "account_blocked"
    MALFORMED_ITEM = "malformed_item"


class Parked(BaseModel):
    """One of `dispatch`, `event` and `raw` says what it is; `detail` says what a person needs to know."""

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

    def replayed(self, nonce: str, now: datetime) -> QueueItem | None:
        """What a replay puts back: a dispatch as it was, an event for today's routes; None where nothing can be.

        Messages that OMNI has refused get new ids, which it can't hold against them. All others keep theirs:
        OMNI may already have the message, and then says so.
        """
        if self.dispatch:
            refused = self.reason is Reason.MESSAGES_REJECTED
            dispatch = self.dispatch.renewed(nonce) if refused else self.dispatch
            return QueueItem(dispatch=dispatch, first_attempt_at=now)
        if self.event:
            return QueueItem(event=self.event.model_copy(update={"nonce": nonce}), first_attempt_at=now)
        return None
