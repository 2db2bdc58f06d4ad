"""Delivering what the queue holds: send a dispatch, or take a replayed event through today's routes."""

import math
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from relay.configure.sources import SCHEDULE
from relay.deliver.relaying import Relayer
from relay.deliver.retries import LONGEST_VISIBILITY, Condition, Tries
from relay.deliver.sending import Deferred, Sender
from relay.model.dispatches import Dispatch
from relay.model.events import Event
from relay.model.items import QueueItem, Reason
from relay.ports import Configuration, ConfigurationUnavailable, InFlight, LedgerUnavailable, QueueUnavailable
from relay.problems import InvalidBody, PayloadTooLarge, Problem

SOON = 5  # seconds: until another copy has finished, or a dependency of ours may be back


@dataclass(frozen=True, slots=True)
class Postponed:
    """The item stays on the queue, hidden for `delay` seconds."""

    delay: int


@dataclass(frozen=True, slots=True)
class Deliverer:
    configuration: Configuration
    relayer: Relayer

    @property
    def _sender(self) -> Sender:
        return self.relayer.sender

    def deliver(self, body: str, receives: int) -> Postponed | None:
        """Delivers one queue message that was received `receives` times (this one included).

        Returns None when it is done with: sent, parked, or split into dispatches of its own.
        """
        item = _item_of(body)
        try:
            if item:
                return self._deliver(item, receives)
            self._sender.parker.raw(body, receives)
        except QueueUnavailable:
            return Postponed(SOON)
        return None

    def _deliver(self, item: QueueItem, receives: int) -> Postponed | None:
        early = self._seconds_until(item.not_before)
        if early > 0:
            return Postponed(min(early, LONGEST_VISIBILITY))
        tries = Tries(attempt=item.attempts + receives, first_at=item.first_attempt_at)
        try:
            if item.dispatch:
                return self._dispatch(item.dispatch, tries)
            return self._event(item, item.event, tries) if item.event else None
        except InFlight:  # waits as a new message: this receipt was no attempt
            self._sender.outbox.enqueue(item.model_copy(update={"attempts": tries.attempt - 1}), SOON)
            return None

    def _seconds_until(self, moment: datetime | None) -> int:
        return math.ceil((moment - self._sender.now()).total_seconds()) if moment else 0

    def _dispatch(self, dispatch: Dispatch, tries: Tries) -> Postponed | None:
        try:
            self._sender.send(dispatch, tries)
        except Deferred as deferral:
            delay = self._sender.delay(tries, deferral.condition, deferral.retry_after)
            if delay is not None:
                return Postponed(delay)
            self._sender.give_up(dispatch, tries, deferral.condition, deferral.cause)
            self._free(dispatch.id)
        return None

    def _free(self, dispatch_id: str) -> None:
        """Lets a later redelivery by the sender queue it again: a person may have asked for it."""
        try:
            self._sender.ledger.forget("enqueue", dispatch_id)
        except LedgerUnavailable:
            self._sender.telemetry.log("warning", "claim_kept", dispatch_id=dispatch_id)

    def _event(self, item: QueueItem, event: Event, tries: Tries) -> Postponed | None:
        try:
            source = SCHEDULE if event.source == SCHEDULE.name else self.configuration.source(event.source)
            if source is None:
                detail = f"source {event.source} is not configured any more"
                self._sender.parker.event(event, tries, Reason.ROUTE_INVALID, detail)
            else:
                self.relayer.resume(item, event, source)
        except (InvalidBody, PayloadTooLarge) as problem:
            self._sender.parker.event(event, tries, Reason.ROUTE_INVALID, problem.detail)
        except (Problem, ConfigurationUnavailable) as problem:
            delay = self._sender.delay(tries, Condition.TRANSIENT, None)
            if delay is not None:
                return Postponed(delay)
            detail = f"{tries.attempt} attempts; the last: {problem}"
            self._sender.parker.event(event, tries, Reason.ATTEMPTS_EXHAUSTED, detail)
        return None


def _item_of(body: str) -> QueueItem | None:
    try:
        return QueueItem.model_validate_json(body)
    except ValidationError:
        return None
