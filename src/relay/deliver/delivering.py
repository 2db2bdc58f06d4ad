"""Works on the delivery queue: dispatches to send, events for today's routes, watches that are due, late records."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from omni.statuses import Policy
from relay.configure.sources import SCHEDULE
from relay.deliver.parking import park
from relay.deliver.relaying import Relayer
from relay.deliver.retries import LONGEST_VISIBILITY, Attempt
from relay.deliver.sending import Deferred, Dispatcher
from relay.follow.escalation import Escalator, InDoubt
from relay.follow.records import tell_lost
from relay.model.dispatches import Dispatch
from relay.model.events import Event
from relay.model.items import Parked, QueueItem, Reason, Watch
from relay.ports import (
    Configuration,
    ConfigurationUnavailable,
    InFlight,
    Ledger,
    LedgerUnavailable,
    NoTimeLeft,
    Outbox,
    QueueUnavailable,
    Records,
    RecordsUnavailable,
    Telemetry,
)
from relay.problems import InvalidBody, PayloadTooLarge, Problem

SHORTLY = 15  # seconds until OMNI's logs may say more; the queue hands a message out 100 times at most
SOON = 5  # seconds until another copy has finished, or until a dependency of ours may be back


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Works on the queue's messages, one at a time."""

    relayer: Relayer
    dispatcher: Dispatcher
    configuration: Configuration
    escalator: Escalator
    records: Records
    ledger: Ledger
    outbox: Outbox
    telemetry: Telemetry
    now: Callable[[], datetime]

    def deliver(self, body: str, receives: int) -> int | None:
        """Delivers one queue message, which was received `receives` times, this time included.

        Returns None when it is done with: sent, parked, or split into items of its own. Otherwise the message
        stays on the queue, and the number is how many seconds it must stay hidden.
        """
        item = _item_of(body)
        try:
            if item:
                return self._deliver(item, receives)
            # It is none of ours. It must neither come back for ever nor be lost.
            detail = "the queue message is none of ours"
            self._park(Reason.MALFORMED_ITEM, detail, receives, self.now(), source="", raw=body)
        except QueueUnavailable:
            return SOON
        return None

    def _deliver(self, item: QueueItem, receives: int) -> int | None:
        early = math.ceil((item.not_before - self.now()).total_seconds()) if item.not_before else 0
        if early > 0:
            return min(early, LONGEST_VISIBILITY)
        number = item.attempts + receives
        if item.dispatch:
            return self._send(item.dispatch, item, number)
        if item.event:
            return self._relay(item.event, item, number)
        return self._attend(item.watch, item, number) if item.watch else self._record(item)

    def _send(self, dispatch: Dispatch, item: QueueItem, number: int) -> int | None:
        attempt = Attempt(dispatch, number, first_at=item.first_attempt_at, started=self.now())
        try:
            self.dispatcher.send(attempt)
        except InFlight:
            # It waits as a new message, because this was no attempt, and the queue counts each time it hands one out.
            self.outbox.enqueue(item.model_copy(update={"attempts": number - 1}), SOON)
        except Deferred as deferred:
            delay = self.dispatcher.next_delay(attempt.first_at, deferred.policy, deferred.retry_after)
            if delay is not None:
                return delay
            self.dispatcher.give_up(attempt, deferred)
            self._free(dispatch.id)
        return None

    def _free(self, dispatch_id: str) -> None:
        """Lets a later redelivery by the sender queue it again: a person may have asked for it."""
        try:
            self.ledger.forget("enqueue", dispatch_id)
        except LedgerUnavailable:
            self.telemetry.log("warning", "claim_kept", dispatch_id=dispatch_id)

    def _relay(self, event: Event, item: QueueItem, number: int) -> int | None:
        try:
            source = SCHEDULE if event.source == SCHEDULE.name else self.configuration.source(event.source)
            if source:
                self.relayer.resume(item, event, source)
                return None
            reason, detail = Reason.ROUTE_INVALID, f"source {event.source} is not configured any more"
        except (InvalidBody, PayloadTooLarge) as problem:
            reason, detail = Reason.ROUTE_INVALID, problem.detail
        except (Problem, ConfigurationUnavailable) as problem:
            delay = self.dispatcher.next_delay(item.first_attempt_at, Policy.RETRY)
            if delay is not None:
                return delay
            reason, detail = Reason.ATTEMPTS_EXHAUSTED, f"{number} attempts; the last: {problem}"
        self._park(reason, detail, number, item.first_attempt_at, source=event.source, event=event)
        return None

    def _attend(self, watch: Watch, item: QueueItem, number: int) -> int | None:
        due = item.not_before or item.first_attempt_at
        try:
            self.escalator.attend(watch, overdue=(self.now() - due).total_seconds())
        except (InDoubt, InFlight, NoTimeLeft):
            return SHORTLY
        except LedgerUnavailable as failure:
            delay = self.dispatcher.next_delay(due, Policy.RETRY)
            if delay is not None:
                return delay
            detail = f"{number} attempts; the last: {type(failure).__name__}"
            raw = item.model_dump_json(by_alias=True, exclude_none=True)
            self._park(Reason.ATTEMPTS_EXHAUSTED, detail, number, due, source=watch.source, raw=raw)
        return None

    def _record(self, item: QueueItem) -> int | None:
        """Writes records that could not be written when their messages were sent."""
        records = item.records or ()
        try:
            self.records.put(records)
        except RecordsUnavailable:
            delay = self.dispatcher.next_delay(item.first_attempt_at, Policy.RETRY)
            if delay is not None:
                return delay
            tell_lost(records, self.telemetry)
        return None

    def _park(self, reason: Reason, detail: str, attempts: int, first_at: datetime, **what: Any) -> None:
        times = {"first_attempt_at": first_at, "last_attempt_at": self.now()}
        parked = Parked(reason=reason, detail=detail, attempts=attempts, **times, **what)
        park(parked, self.outbox, self.telemetry, self.dispatcher.recorder)


def _item_of(body: str) -> QueueItem | None:
    try:
        return QueueItem.model_validate_json(body)
    except ValidationError:
        return None
