"""Delivering what the queue holds: send a dispatch, or take a replayed event through today's routes."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from relay.dispatches import Dispatch
from relay.events import Event
from relay.parking import Parked, Reason
from relay.ports import Configuration, ConfigurationUnavailable, InFlight, LedgerUnavailable, QueueUnavailable
from relay.problems import InvalidBody, PayloadTooLarge, Problem
from relay.queueing import QueueItem
from relay.relaying import Relayer
from relay.retries import LONGEST_VISIBILITY, Condition
from relay.sending import Deferred, Tries
from relay.sources import SCHEDULE

SOON = 5  # seconds: until another copy has finished, or a dependency of ours may be back


@dataclass(frozen=True, slots=True)
class Postponed:
    """The item stays on the queue, hidden for `delay` seconds."""

    delay: int


@dataclass(frozen=True, slots=True)
class Deliverer:
    configuration: Configuration
    relayer: Relayer

    def deliver(self, body: str, receives: int) -> Postponed | None:
        """Delivers one queue message that was received `receives` times (this one included).

        Returns None when it is done with: sent, parked, or split into dispatches of its own.
        """
        try:
            item = QueueItem.model_validate_json(body)
        except ValidationError:
            return self._park_malformed(body, receives)
        early = self._seconds_until(item.not_before)
        if early > 0:
            return Postponed(min(early, LONGEST_VISIBILITY))
        tries = Tries(attempt=item.attempts + receives, first_at=item.first_attempt_at)
        try:
            if item.dispatch:
                return self._dispatch(item.dispatch, tries)
            return self._event(item, item.event, tries) if item.event else None
        except InFlight as held:
            return Postponed(max(1, round(held.retry_after)))
        except QueueUnavailable:
            return Postponed(SOON)

    def _seconds_until(self, moment: datetime | None) -> int:
        return math.ceil((moment - self._now()).total_seconds()) if moment else 0

    def _dispatch(self, dispatch: Dispatch, tries: Tries) -> Postponed | None:
        sender = self.relayer.sender
        try:
            sender.send(dispatch, tries)
        except Deferred as deferral:
            delay = sender.delay(tries, deferral.condition, deferral.retry_after)
            if delay is not None:
                return Postponed(delay)
            sender.give_up(dispatch, tries, deferral.condition, deferral.cause)
            self._free(dispatch.id)
        return None

    def _free(self, dispatch_id: str) -> None:
        """Lets a later redelivery by the sender queue it again: a person may have asked for it."""
        try:
            self.relayer.sender.ledger.forget("enqueue", dispatch_id)
        except LedgerUnavailable:
            self.relayer.sender.telemetry.log("warning", "claim_kept", dispatch_id=dispatch_id)

    def _event(self, item: QueueItem, event: Event, tries: Tries) -> Postponed | None:
        try:
            source = SCHEDULE if event.source == SCHEDULE.name else self.configuration.source(event.source)
            if source is None:
                self._park(event, tries, Reason.ROUTE_INVALID, f"source {event.source} is not configured any more")
            else:
                self.relayer.resume(item, event, source)
        except (InvalidBody, PayloadTooLarge) as problem:
            self._park(event, tries, Reason.ROUTE_INVALID, problem.detail)
        except (Problem, ConfigurationUnavailable) as problem:
            delay = self.relayer.sender.delay(tries, Condition.TRANSIENT, None)
            if delay is not None:
                return Postponed(delay)
            self._park(event, tries, Reason.ATTEMPTS_EXHAUSTED, f"{tries.attempt} attempts; the last: {problem}")
        return None

    def _park(self, event: Event, tries: Tries, reason: Reason, detail: str) -> None:
        self._put(
            Parked(
                reason=reason,
                detail=detail,
                source=event.source,
                event=event,
                attempts=tries.attempt,
                first_attempt_at=tries.first_at,
                last_attempt_at=self._now(),
            )
        )

    def _park_malformed(self, body: Any, receives: int) -> Postponed | None:
        """A message that is none of ours must not come back for ever, nor be lost."""
        now = self._now()
        parked = Parked(
            reason=Reason.MALFORMED_ITEM,
            detail="the queue message is neither a dispatch nor an event",
            source="",
            raw=body,
            attempts=receives,
            first_attempt_at=now,
            last_attempt_at=now,
        )
        try:
            self._put(parked)
        except QueueUnavailable:
            return Postponed(SOON)
        return None

    def _put(self, parked: Parked) -> None:
        self.relayer.sender.outbox.park(parked)
        self.relayer.sender.telemetry.count("Parked")

    def _now(self) -> datetime:
        return self.relayer.sender.now()
