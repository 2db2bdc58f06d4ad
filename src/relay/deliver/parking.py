"""The one place where something is parked: stored, counted and, where no message's line tells of it, logged."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.deliver.retries import Tries
from relay.model.dispatches import Dispatch
from relay.model.events import Event
from relay.model.items import Parked, Reason
from relay.ports import Outbox, Telemetry


@dataclass(frozen=True, slots=True)
class Parker:
    """Each method raises QueueUnavailable where the item was not confirmed as stored."""

    outbox: Outbox
    telemetry: Telemetry
    now: Callable[[], datetime]

    def dispatch(self, dispatch: Dispatch, tries: Tries, reason: Reason, detail: str) -> None:
        """The sender logs its messages, with their statuses."""
        self._store(tries, reason=reason, detail=detail, source=dispatch.source, dispatch=dispatch)

    def event(self, event: Event, tries: Tries, reason: Reason, detail: str) -> None:
        self._store(tries, reason=reason, detail=detail, source=event.source, event=event)
        self._log("event_parked", reason, detail, source=event.source, event_id=event.id)

    def raw(self, body: str, receives: int) -> None:
        """A queue message that is none of ours: it must not come back for ever, nor be lost."""
        reason, detail = Reason.MALFORMED_ITEM, "the queue message is neither a dispatch nor an event"
        self._store(Tries(receives, self.now()), reason=reason, detail=detail, source="", raw=body)
        self._log("item_parked", reason, detail)

    def _store(self, tries: Tries, **what: Any) -> None:
        times = {"first_attempt_at": tries.first_at, "last_attempt_at": self.now()}
        self.outbox.park(Parked(attempts=tries.attempt, **times, **what))
        self.telemetry.count("Parked")

    def _log(self, message: str, reason: Reason, detail: str, **facts: str) -> None:
        self.telemetry.log("error", message, reason=reason, detail=detail, **facts)
