"""Makes each dispatch of a new event durable: it is sent, queued or parked. No failure of one stops the others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from relay.configure.sources import Source
from relay.deliver.outcomes import Outcome
from relay.deliver.parking import park
from relay.deliver.retries import Attempt
from relay.deliver.routing import Misrouted, Verdict, dispatches_in, route
from relay.deliver.sending import Deferred, Dispatcher
from relay.follow.escalation import watch_over
from relay.model.dispatches import Dispatch
from relay.model.events import Event
from relay.model.ids import derive_id
from relay.model.items import Parked, QueueItem
from relay.model.receipts import Receipt
from relay.ports import (
    Configuration,
    InFlight,
    ItemTooLarge,
    Kind,
    Ledger,
    LedgerUnavailable,
    Outbox,
    QueueUnavailable,
    Telemetry,
)
from relay.problems import DuplicateInFlight, PayloadTooLarge, Problem, Unavailable
from relay.verification import Delivery

# Each problem that a step can raise must stand here.
_WORST_FIRST = (Unavailable, DuplicateInFlight, PayloadTooLarge)


@dataclass(frozen=True, slots=True)
class Relayer:
    """Makes events' dispatches durable.

    Attributes:
        destinations_per_request: how many messages a dispatch holds at most.
        installation: tells this relay's messages from those of other relays at the same OMNI account.
        follows: see `route`.
    """

    dispatcher: Dispatcher
    configuration: Configuration
    ledger: Ledger
    outbox: Outbox
    telemetry: Telemetry
    now: Callable[[], datetime]
    destinations_per_request: int
    installation: str
    follows: bool = True

    def relay(
        self, event: Event, source: Source, delivery: Delivery | None = None, outcome: Outcome | None = None
    ) -> Outcome:
        """Routes an event and makes each dispatch durable, by the source's way of delivery or by `delivery`.

        Fills in `outcome` and returns it. The caller gives one if it needs to know how far a refused event came.

        Raises:
            InvalidBody: the body of a `format: message` source isn't a notification.
            ConfigurationUnavailable: a scenario can't be looked up.
            DuplicateInFlight: another copy is on its way, so the answer can't be known yet.
            PayloadTooLarge: some part is larger than what the queue can hold.
            Unavailable: some part could not be made durable. All others were; a repetition recognises them.
        """
        outcome = outcome or Outcome()
        outcome.event_id, outcome.muted = event.id, source.is_muted(self.now())
        if not outcome.muted:
            self._relay(event, source, delivery or source.delivery, outcome)
        if outcome.silenced:
            self.telemetry.count("Muted")
        return outcome

    def _relay(self, event: Event, source: Source, delivery: Delivery, outcome: Outcome) -> None:
        muted = source.muted_routes(self.now())
        if muted:
            event = event.model_copy(update={"muted": tuple(sorted(muted))})
        outcome.verdicts = self._route(event, source)
        # An event that no route wants claims nothing. If the body came first under another id, all ids derive from that
        # one, so the event is routed again.
        if source.id_forgeable and event.body_hash and any(v.dispatches or v.misrouted for v in outcome.verdicts):
            first_id = self._first_id(event)
            if first_id != event.id:
                event = event.model_copy(update={"first_id": first_id})
                outcome.verdicts = self._route(event, source)
        item = QueueItem(event=event, first_attempt_at=self.now())
        step = self._send_or_queue if delivery == "direct" else self._queue_or_send
        self._make_durable(item, event, dispatches_in(outcome.verdicts), step, outcome)

    def resume(self, item: QueueItem, event: Event, source: Source) -> Outcome:
        """Does as `relay` for an event from the queue: what is not durable yet is queued."""
        outcome = Outcome(event.id, verdicts=self._route(event, source))
        dispatches = _after(item.after, dispatches_in(outcome.verdicts))
        self._make_durable(item, event, dispatches, self._queue_or_send, outcome)
        return outcome

    def _route(self, event: Event, source: Source) -> Sequence[Verdict]:
        return route(
            event,
            source,
            limit=self.destinations_per_request,
            installation=self.installation,
            scenario_key=self.configuration.scenario_key,
            follows=self.follows,
        )

    def _first_id(self, event: Event) -> str:
        """Returns the id under which the same body came first within REPEAT_SECONDS, which may be this event's own.

        Without it, whoever captured a request could send it again under another id, where the sender signs the body
        but not the id. Later than that the same body is news, because nothing tells a sender's honest repetition from a
        captured one. The answer is kept for each id, because a repetition under that id may come after the window.
        Without the ledger the id is taken as it is, because an event must rather be sent twice than lost.
        """
        own, body = derive_id(event.source, event.key), derive_id(event.source, event.body_hash)
        try:
            first, _ = self.ledger.once("id", own, lambda: self.ledger.once("body", body, lambda: event.id)[0])
        except LedgerUnavailable:
            return event.id
        except InFlight:
            raise _in_flight() from None
        if first != event.id:
            facts = {"source": event.source, "event_id": event.id, "first_id": first}
            self.telemetry.log("warning", "body_repeated", **facts)
        return str(first)

    def _make_durable(
        self,
        item: QueueItem,
        event: Event,
        dispatches: Sequence[Dispatch],
        step: Callable[[Dispatch, Outcome], None],
        outcome: Outcome,
    ) -> None:
        """Takes the step for each dispatch and watches over it, and parks the event for its misroutings.

        When time runs out, `item` goes to the queue for the other dispatches.
        """
        problems: list[Problem] = []
        for done, dispatch in enumerate(dispatches):
            if done and self.dispatcher.short_of_time:
                rest = item.model_copy(update={"after": dispatches[done - 1].id})
                with _collected(problems):
                    self._queue_rest(rest, len(dispatches) - done, outcome)
                break
            with _collected(problems):
                step(dispatch, outcome)
                self._watch(dispatch)
        misrouted = [verdict.misrouted for verdict in outcome.verdicts if verdict.misrouted]
        if misrouted:
            with _collected(problems):
                self._park(event, misrouted, outcome)
        if problems:
            raise next(problem for kind in _WORST_FIRST for problem in problems if isinstance(problem, kind))

    def _send_or_queue(self, dispatch: Dispatch, outcome: Outcome) -> None:
        """Sends a dispatch now. What can't be sent now goes to the queue."""
        attempt = self._first_attempt(dispatch)
        try:
            receipt, duplicate = self.dispatcher.send(attempt)
        except Deferred as deferred:
            # The first attempt is never the last one, even if the table has no waits.
            delay = self.dispatcher.next_delay(attempt.first_at, deferred.policy, deferred.retry_after) or 1
            self._enqueue(self.dispatcher.next_item(attempt, delay), dispatch.id, delay, outcome)
        else:
            _add(receipt, outcome, duplicate=duplicate)

    def _queue_or_send(self, dispatch: Dispatch, outcome: Outcome) -> None:
        """Queues a dispatch. While the queue is down, sending now is as good."""
        attempt = self._first_attempt(dispatch)
        try:
            self._enqueue(QueueItem(dispatch=dispatch, first_attempt_at=attempt.first_at), dispatch.id, 0, outcome)
        except Unavailable:
            try:
                receipt, duplicate = self.dispatcher.send(attempt)
            except Deferred:
                raise Unavailable("The queue is unavailable, and the message could not be sent directly.") from None
            _add(receipt, outcome, duplicate=duplicate)

    def _watch(self, dispatch: Dispatch) -> None:
        """Queues the watch over a dispatch, if its route has `unless_delivered`."""
        if dispatch.unless_delivered:
            item, within = watch_over(dispatch, self.now()), dispatch.unless_delivered[0].within
            self._once("watch", dispatch.id, lambda: self.outbox.enqueue(item, within))

    def _first_attempt(self, dispatch: Dispatch) -> Attempt:
        now = self.now()
        return Attempt(dispatch, number=1, first_at=now, started=now)

    def _enqueue(self, item: QueueItem, dispatch_id: str, delay: int, outcome: Outcome) -> None:
        duplicate = self._once("enqueue", dispatch_id, lambda: self.outbox.enqueue(item, delay))
        outcome.queued += 1
        outcome.count(duplicate=duplicate)

    def _queue_rest(self, rest: QueueItem, parts: int, outcome: Outcome) -> None:
        """Queues the event itself for its other dispatches: this is one write, for which there is always time."""
        try:
            self.outbox.enqueue(rest)
        except QueueUnavailable:
            raise Unavailable("The queue is unavailable, and there was no time for all messages.") from None
        outcome.queued += parts
        outcome.count(duplicate=False, parts=parts)

    def _park(self, event: Event, misrouted: Sequence[Misrouted], outcome: Outcome) -> None:
        reason, detail = misrouted[0][0], "; ".join(detail for _, detail in misrouted)
        times = {"first_attempt_at": event.received_at, "last_attempt_at": self.now()}
        parked = Parked(reason=reason, detail=detail, source=event.source, event=event, attempts=1, **times)
        # The key holds the detail, because another route that fails for this event later is another matter.
        key = derive_id(event.source, event.key, event.nonce, detail)
        duplicate = self._once("park", key, lambda: park(parked, self.outbox, self.telemetry, self.dispatcher.recorder))
        outcome.parked.append(f"{reason}: {detail}")
        outcome.count(duplicate=duplicate)

    def _once(self, kind: Kind, key: str, action: Callable[[], None]) -> bool:
        """Stores something once, and says whether it was stored before. Without the ledger it may be stored twice,
        because sending recognises the second. Raises Unavailable when the queue doesn't take it.
        """
        try:
            try:
                return self.ledger.once(kind, key, action)[1]
            except LedgerUnavailable:
                action()
                return False
        except ItemTooLarge:
            raise PayloadTooLarge("What it makes is larger than the queue's messages can be.") from None
        except QueueUnavailable:
            raise Unavailable("The queue is unavailable; nothing was acknowledged.") from None


@contextmanager
def _collected(problems: list[Problem]) -> Iterator[None]:
    """Collects the problem of one step, because it must not keep the other steps from being done."""
    try:
        yield
    except InFlight:
        problems.append(_in_flight())
    except Problem as problem:
        problems.append(problem)


def _in_flight() -> DuplicateInFlight:
    return DuplicateInFlight("Wait for the first copy to finish, then send this one again to read its answer.")


def _after(last: str | None, dispatches: Sequence[Dispatch]) -> Sequence[Dispatch]:
    """Returns the dispatches after `last`, or all of them if it no longer exists. Sending recognises duplicates."""
    ids = [dispatch.id for dispatch in dispatches]
    return dispatches[ids.index(last) + 1 :] if last in ids else dispatches


def _add(receipt: Receipt, outcome: Outcome, *, duplicate: bool) -> None:
    outcome.messages += receipt.answer()
    if receipt.parked:
        outcome.parked.append(receipt.parked)
    outcome.queued += receipt.requeued
    outcome.count(duplicate=duplicate)
