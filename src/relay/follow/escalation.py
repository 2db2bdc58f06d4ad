"""Goes on to the next person where OMNI's failover ends: a route's `unless_delivered`, once for each message."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from omni.errors import OmniError
from relay.follow.reports import heard_of, one_each
from relay.model.dispatches import Dispatch, dispatches_after
from relay.model.items import QueueItem, Watch
from relay.model.records import State
from relay.ports import (
    BreakerOpen,
    BusUnavailable,
    ConfigurationUnavailable,
    EventBus,
    InFlight,
    Kind,
    Ledger,
    NoTimeLeft,
    OmniGateway,
    Outbox,
    QueueUnavailable,
    Records,
    RecordsUnavailable,
    Telemetry,
)

DOUBT_SECONDS = 300  # a message that nothing can be learned of for so long counts as not delivered
IDS_PER_CALL = 100  # message ids in one request of the logs; they make an address of 5 KB
UNKNOWN = "unknown"  # stands for the state of a message without a record, such as one that is still in the queue


class InDoubt(Exception):
    """Neither the records nor OMNI's logs can tell yet what became of a message."""


def watch_over(dispatch: Dispatch, now: datetime) -> QueueItem:
    """Returns the item that is due when the dispatch's messages must be delivered."""
    within = timedelta(seconds=dispatch.unless_delivered[0].within)
    return QueueItem(watch=Watch.over(dispatch), first_attempt_at=now, not_before=now + within)


@dataclass(frozen=True, slots=True)
class Escalator:
    """Sends the next step for each message that is not delivered.

    Attributes:
        call_seconds: returns how long one call of OMNI may take now. Raises NoTimeLeft.
        destinations_per_request: how many messages a dispatch holds at most.
    """

    records: Records
    omni: OmniGateway
    ledger: Ledger
    outbox: Outbox
    bus: EventBus
    telemetry: Telemetry
    now: Callable[[], datetime]
    call_seconds: Callable[[], float]
    destinations_per_request: int

    def attend(self, watch: Watch, overdue: float) -> None:
        """Escalates each message of a watch that is due, unless it was delivered.

        All that can be done is done before anything is raised. When the watch is attended again, what was done is
        recognised.

        Args:
            watch: the messages, and what follows.
            overdue: seconds since the watch was due.

        Raises:
            InDoubt: what became of a message can't be known now. After DOUBT_SECONDS it is escalated all the same.
            InFlight: another copy escalates a message now.
            NoTimeLeft: the function has no time for the other messages.
            LedgerUnavailable, QueueUnavailable: what could not be done has to be done later.
        """
        states = self._states(watch.message_ids, patient=overdue < DOUBT_SECONDS)
        waiting = {message_id: state for message_id, state in states.items() if state != State.DELIVERED}
        failures: list[Exception] = []
        for message_id, state in waiting.items():
            self.call_seconds()  # a function that is stopped in the middle leaves its queue message hidden for long
            try:
                self.ledger.once("escalate", message_id, partial(self._escalate, watch, message_id, state))
            except (InFlight, QueueUnavailable) as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        self.telemetry.log(
            "info",
            "watch_ended",
            event_id=watch.event_id,
            source=watch.source,
            route=watch.route,
            delivered=len(states) - len(waiting),
            undelivered=len(waiting),
        )

    def _states(self, message_ids: Sequence[str], *, patient: bool) -> Mapping[str, str]:
        """Returns where each message stands, by the records and, for those without an end, by OMNI's logs."""
        states: dict[str, str] = dict.fromkeys(message_ids, UNKNOWN)
        doubtful = False
        try:
            states |= {message_id: record.state for message_id, record in self.records.get(message_ids).items()}
        except RecordsUnavailable:
            doubtful = True
        open_ids = [message_id for message_id, state in states.items() if not _ended(state)]
        try:
            for start in range(0, len(open_ids), IDS_PER_CALL):
                states |= self._logged(open_ids[start : start + IDS_PER_CALL])
        except (OmniError, BreakerOpen, NoTimeLeft, ConfigurationUnavailable):
            doubtful = True
        if doubtful and patient and not all(map(_ended, states.values())):
            raise InDoubt
        return states

    def _logged(self, ids: Sequence[str]) -> Mapping[str, State]:
        """Returns the final states that OMNI's logs know, which no report may have brought yet."""
        logs = self.omni.logs(message_ids=ids, deadline=self.call_seconds())
        known = one_each(map(heard_of, logs))
        return {one.message_id: one.state for one in known.values() if one.state and one.message_id in ids}

    def _escalate(self, watch: Watch, message_id: str, state: str) -> None:
        """Makes the next messages durable, with a watch of their own, and tells of it."""
        names = {"event_id": watch.event_id, "source": watch.source, "route": watch.route}
        dispatches = list(dispatches_after(message_id, names, watch.steps, self.destinations_per_request))
        for dispatch in dispatches:
            now = self.now()
            self._enqueue("enqueue", dispatch, QueueItem(dispatch=dispatch, first_attempt_at=now))
            if dispatch.unless_delivered:
                self._enqueue("watch", dispatch, watch_over(dispatch, now), delay=dispatch.unless_delivered[0].within)
        facts = {
            **names,
            "scenario": watch.steps[0].content.scenario,
            "message_id": message_id,
            "state": str(state),
            "recipients": len(watch.steps[0].to),
            "dispatch_ids": [dispatch.id for dispatch in dispatches],
        }
        try:
            self.bus.publish([("escalated", facts)])
        except BusUnavailable:  # the next person must not wait for whoever listens to the bus
            self.telemetry.log("error", "event_not_published", message_id=message_id, state=str(state))
        self.telemetry.log("warning", "escalated", **facts)
        self.telemetry.count("Escalations")

    def _enqueue(self, kind: Kind, dispatch: Dispatch, item: QueueItem, delay: int = 0) -> None:
        """Queues something once, because it is tried again where a later step of the escalation fails."""
        self.ledger.once(kind, dispatch.id, lambda: self.outbox.enqueue(item, delay))


def _ended(state: str) -> bool:
    return state != UNKNOWN and State(state).final
