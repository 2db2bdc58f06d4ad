"""Dispatches of one event become durable: sent now, queued, or parked; never lost in between, never all for one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Literal

from relay.configure.sources import Source
from relay.deliver.retries import Tries
from relay.deliver.routing import Misrouted, Routed, route
from relay.deliver.sending import Deferred, Sender, Settled
from relay.model.dispatches import Dispatch, derive_id
from relay.model.events import Event
from relay.model.items import QueueItem
from relay.ports import InFlight, ItemTooLarge, LedgerUnavailable, QueueUnavailable
from relay.problems import DuplicateInFlight, PayloadTooLarge, Unavailable
from relay.verification import Delivery


@dataclass(slots=True)
class Outcome:
    """What became of an event: the answer's content. `repeated` counts the parts that a former copy had settled."""

    event_id: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    queued: int = 0
    parked: list[str] = field(default_factory=list)
    settled: int = 0
    repeated: int = 0

    @property
    def duplicate(self) -> bool:
        return self.settled > 0 and self.settled == self.repeated

    @property
    def name(self) -> Literal["sent", "queued", "parked", "ignored"]:
        """The part that most needs to be known."""
        if self.parked:
            return "parked"
        if self.queued:
            return "queued"
        return "sent" if self.messages else "ignored"


@dataclass(frozen=True, slots=True)
class Relayer:
    """Makes events' dispatches durable. `destinations_per_request` is the chunks' size; `installation` tells its
    messages from those of other relays at the same account.
    """

    sender: Sender
    destinations_per_request: int
    installation: str

    @property
    def _now(self) -> Callable[[], datetime]:
        return self.sender.now

    def relay(self, event: Event, source: Source, delivery: Delivery | None = None) -> Outcome:
        """Routes an event and makes each dispatch durable, by the source's way of delivery or by `delivery`.

        Raises:
            InvalidBody: the body of a `format: message` source isn't a notification.
            ConfigurationUnavailable: a scenario can't be looked up.
            DuplicateInFlight: another copy is on its way; this one's answer can't be known yet.
            PayloadTooLarge: some part is larger than what the queue can hold.
            Unavailable: some part could not be made durable. All others were; a repetition finds them settled.
        """
        step = self._direct if (delivery or source.delivery) == "direct" else self._queued
        return self._settle(QueueItem(event=event, first_attempt_at=self._now()), event, source, step)

    def resume(self, item: QueueItem, event: Event, source: Source) -> Outcome:
        """As `relay`, for an event from the queue: each dispatch that is still to be made durable is queued."""
        return self._settle(item, event, source, self._queued)

    def _settle(
        self, item: QueueItem, event: Event, source: Source, step: Callable[[Dispatch, Outcome], None]
    ) -> Outcome:
        outcome = Outcome(event.id)
        routed = self._route(event, source)
        dispatches = _after(item.after, routed.dispatches)
        failures = []
        for done, dispatch in enumerate(dispatches):
            if done and self.sender.short_of_time:
                rest = item.model_copy(update={"after": dispatches[done - 1].id})
                failures.append(_failure_of(partial(self._enqueue_rest, rest, len(dispatches) - done, outcome)))
                break
            failures.append(_failure_of(partial(step, dispatch, outcome)))
        if routed.misrouted:
            failures.append(_failure_of(partial(self._park, event, routed.misrouted, outcome)))
        for kind in (Unavailable, DuplicateInFlight, PayloadTooLarge):
            for failure in failures:
                if isinstance(failure, kind):
                    raise failure
        return outcome

    def _route(self, event: Event, source: Source) -> Routed:
        return route(
            event,
            source,
            limit=self.destinations_per_request,
            installation=self.installation,
            scenario_key=self.sender.configuration.scenario_key,
        )

    def _direct(self, dispatch: Dispatch, outcome: Outcome) -> None:
        tries = Tries(attempt=1, first_at=self._now())
        try:
            settled, duplicate = self.sender.send(dispatch, tries)
        except Deferred as deferral:
            delay = self.sender.delay(tries, deferral.condition, deferral.retry_after) or 1
            self._enqueue(dispatch, self.sender.retried(dispatch, tries, delay), delay, outcome)
            return
        _note(outcome, settled, duplicate=duplicate)

    def _queued(self, dispatch: Dispatch, outcome: Outcome) -> None:
        now = self._now()
        try:
            self._enqueue(dispatch, QueueItem(dispatch=dispatch, first_attempt_at=now), 0, outcome)
        except Unavailable:
            # The queue is down: sending now is as good, if it settles.
            try:
                settled, duplicate = self.sender.send(dispatch, Tries(attempt=1, first_at=now))
            except Deferred:
                raise Unavailable("The queue is unavailable, and the message could not be sent directly.") from None
            _note(outcome, settled, duplicate=duplicate)

    def _enqueue(self, dispatch: Dispatch, item: QueueItem, delay: int, outcome: Outcome) -> None:
        """Queues a dispatch once; without the ledger, rather twice than never: sending recognises the second."""
        duplicate = self._once("enqueue", dispatch.id, lambda: self.sender.outbox.enqueue(item, delay))
        outcome.queued += 1
        outcome.settled += 1
        outcome.repeated += duplicate

    def _enqueue_rest(self, item: QueueItem, rest: int, outcome: Outcome) -> None:
        """Queues the event itself for the rest of its dispatches: one write, for which there is always time."""
        try:
            self.sender.outbox.enqueue(item)
        except QueueUnavailable:
            raise Unavailable("The queue is unavailable, and there was no time for all messages.") from None
        outcome.queued += rest
        outcome.settled += rest

    def _park(self, event: Event, misrouted: Iterable[Misrouted], outcome: Outcome) -> None:
        failures = list(misrouted)
        reason, detail = failures[0].reason, "; ".join(f.detail for f in failures)
        tries = Tries(attempt=1, first_at=event.received_at)
        # With its details: another route that fails for this event later is another matter.
        key = derive_id(event.source, event.id, event.nonce, detail)
        duplicate = self._once("park", key, lambda: self.sender.parker.event(event, tries, reason, detail))
        outcome.parked.append(f"{reason}: {detail}")
        outcome.settled += 1
        outcome.repeated += duplicate

    def _once(self, kind: Literal["enqueue", "park"], key: str, action: Callable[[], None]) -> bool:
        """True where it was done before. Raises Unavailable when the queue doesn't take it."""
        try:
            try:
                return self.sender.ledger.once(kind, key, action).duplicate
            except LedgerUnavailable:
                action()
                return False
        except ItemTooLarge:
            raise PayloadTooLarge("What it makes is larger than the queue's messages can be.") from None
        except QueueUnavailable:
            raise Unavailable("The queue is unavailable; nothing was acknowledged.") from None


def _after(last: str | None, dispatches: Sequence[Dispatch]) -> Sequence[Dispatch]:
    """Those behind that one; all where today's routes don't make it: what was done is recognised."""
    ids = [dispatch.id for dispatch in dispatches]
    return dispatches[ids.index(last) + 1 :] if last in ids else dispatches


def _note(outcome: Outcome, settled: Settled, *, duplicate: bool) -> None:
    if settled.receipt:
        outcome.messages += settled.receipt.answer()
    if settled.parked:
        outcome.parked.append(settled.parked)
    outcome.queued += settled.requeued
    outcome.settled += 1
    outcome.repeated += duplicate


def _failure_of(step: Callable[[], None]) -> Unavailable | DuplicateInFlight | PayloadTooLarge | None:
    """Runs a step of an event; its failure must not keep the others from being done."""
    try:
        step()
    except InFlight:
        return DuplicateInFlight("Wait for the first copy to finish, then send this one again to read its answer.")
    except (Unavailable, DuplicateInFlight, PayloadTooLarge) as problem:
        return problem
    return None
