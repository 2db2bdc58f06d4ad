"""Hears what OMNI says of messages, pushed or pulled: records each end once, and tells of it until that has succeeded.

Telling is logging, counting, publishing and starting what `unless_delivered` says. After a crash in between, the
repeated report or the pull tells again. So each end is told at least once, and its message id tells the copies apart.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from omni.models import Log
from omni.models import Report as OmniReport
from omni.statuses import group_of, known_errors
from relay.model.items import QueueItem, Watch
from relay.model.records import Record, Report, State, final_state, shown_status
from relay.ports import BusUnavailable, EventBus, NoTimeLeft, Outbox, Records, Telemetry

WORKERS = 8  # calls of DynamoDB at the same time: 2,000 pushed results must be recorded before OMNI gives up
_PUBLISHED: Mapping[State, str] = {State.DELIVERED: "message.delivered", State.UNREPORTED: "message.unreported"}
_COUNTED: Mapping[State, str] = {State.DELIVERED: "MessagesDelivered", State.UNREPORTED: "MessagesUnreported"}
_FAILED = "MessagesUndelivered"  # every other end
_NO_ERROR = "NO_ERROR"
AT_ONCE = 10  # ends that are told before the next ones; PutEvents takes no more
LEAST_SECONDS = 5.0  # telling some ends takes less
TELLER_SECONDS = 60  # whoever recorded an end longer ago is not telling it any more: its function has timed out
BUS_SECONDS = 3_600  # an end that the bus has refused for so long is told without it
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Heard:
    """OMNI's word on a message.

    Attributes:
        state: the final state that this means, or None if the message is still on its way.
        report: None if OMNI said nothing for too long, which is `unreported`.
    """

    message_id: str
    state: State | None
    report: Report | None


def unreported(message_id: str) -> Heard:
    return Heard(message_id, State.UNREPORTED, None)


def heard_of(log: Log) -> Heard | None:
    """Reads a report or an entry of the logs. Returns None if it names no message or no status."""
    if not log.message_id or log.status is None:
        return None
    status = shown_status(log.status) | {"groupId": group_of(log.status)}
    price = {"pricePerMessage": log.price.price_per_message, "currency": log.price.currency} if log.price else None
    times = {"sent_at": log.sent_at, "done_at": log.done_at}
    report = Report(channel=log.channel, status=status, error=_error(log), price=price, **times)
    return Heard(log.message_id, final_state(log.status), report)


def one_each(heard: Iterable[Heard | None]) -> dict[str, Heard]:
    """Returns one for each message: a delivery rather than another end, and an end rather than anything else.

    OMNI may have several entries of a message id, because the relay repeats the id after a lost answer.
    """
    found: dict[str, Heard] = {}
    for one in heard:
        if one and (one.message_id not in found or _weight(one) > _weight(found[one.message_id])):
            found[one.message_id] = one
    return found


def _weight(heard: Heard) -> int:
    return 2 if heard.state is State.DELIVERED else int(heard.state is not None)


def _error(log: Log) -> dict[str, Any] | None:
    """Returns the error with its name and whether it is permanent. Published codes add what OMNI left out."""
    error = log.error if isinstance(log, OmniReport) else None
    if error is None or (not (error.id or error.group_id) and error.name in ("", _NO_ERROR)):
        return None
    wire = error.wire()
    shown = {name: wire.get(name) for name in ("groupId", "groupName", "id", "name", "permanent")}
    published = _published_errors().get(error.name)
    if shown["permanent"] is None and published is not None:
        shown["permanent"] = published
    return shown


@cache
def _published_errors() -> Mapping[str, bool]:
    return {known.name: known.permanent for known in known_errors()}


@dataclass(frozen=True, slots=True)
class Listener:
    """Takes what OMNI says of messages."""

    records: Records
    outbox: Outbox
    bus: EventBus
    telemetry: Telemetry
    now: Callable[[], datetime]
    remaining: Callable[[], float]

    def hear(self, heard: Sequence[Heard]) -> None:
        """Takes reports. If it raises, all of them may be heard again.

        Raises:
            RecordsUnavailable: an end was not recorded.
            QueueUnavailable, BusUnavailable, NoTimeLeft: an end is recorded and not told.
        """
        self._note([one for one in heard if one.state is None])
        ends = one_each(one for one in heard if one.state)
        records = self._each(self._end, ends.values())
        told_now: list[Record] = []
        for one, (record, mine) in zip(ends.values(), records, strict=True):
            if record is None:
                self._unknown(one)
            elif record.told:
                self._again(one, record)
            elif mine or self._is_left_untold(record):
                told_now.append(record)
        self._tell_all(told_now)
        repeated = len(heard) - len(ends) - sum(one.state is None for one in heard)
        if repeated:
            self.telemetry.count("ReportsRepeated", repeated)

    def _end(self, heard: Heard) -> tuple[Record | None, bool]:
        """Records an end. The flag says that no former report had."""
        at = self.now()
        record = self.records.end(heard.message_id, heard.state or State.UNREPORTED, heard.report, at)
        return record, record is not None and record.ended_at == at

    def _is_left_untold(self, record: Record) -> bool:
        """Whether the one who recorded the end has died before it was told. Until then, that one tells it."""
        return record.ended_at is None or (self.now() - record.ended_at).total_seconds() > TELLER_SECONDS

    def _tell_all(self, records: Sequence[Record]) -> None:
        """Tells of the ends, some at a time, so that a time-out loses no more than the last of them."""
        silent: BusUnavailable | None = None
        for start in range(0, len(records), AT_ONCE):
            if self.remaining() < LEAST_SECONDS:
                raise NoTimeLeft
            try:
                self._tell(records[start : start + AT_ONCE])
            except BusUnavailable as failure:
                silent = failure
        if silent:
            raise silent

    def _tell(self, records: Sequence[Record]) -> None:
        """Whoever is to be told next comes first, because the bus and the log can wait."""
        self._each(self._escalate, [r for r in records if r.state is not State.DELIVERED and r.unless_delivered])
        try:
            self.bus.publish([(_PUBLISHED.get(r.state, "message.undelivered"), _event(r)) for r in records])
        except BusUnavailable:
            records = self._told_without_bus(records)
            if not records:
                raise
        for record in records:
            self.telemetry.message_report(_end_line(record))
            self._count(record.state)
        self._each(self.records.mark_told, [record.message_id for record in records])

    def _escalate(self, record: Record) -> None:
        self.outbox.enqueue(QueueItem(watch=_watch(record), first_attempt_at=self.now()))

    def _told_without_bus(self, records: Sequence[Record]) -> Sequence[Record]:
        """Returns the ends that the bus has refused for too long. They are lost for it, and nothing waits for it."""
        old = [r for r in records if r.ended_at and (self.now() - r.ended_at).total_seconds() > BUS_SECONDS]
        for record in old:
            self.telemetry.log("error", "event_not_published", message_id=record.message_id, state=record.state)
        return old

    def _count(self, state: State) -> None:
        """Counts an end as one of three, and as none of the others, so that an alarm can compute with all three."""
        counted = _COUNTED.get(state, _FAILED)
        for metric in (*_COUNTED.values(), _FAILED):
            self.telemetry.count(metric, int(metric == counted))

    def _note(self, heard: Sequence[Heard]) -> None:
        """Logs reports of messages that are on their way, such as of a channel's failure before the next is tried."""
        known = self.records.get([one.message_id for one in heard]) if heard else {}
        for one in heard:
            record = known.get(one.message_id)
            if record is None:
                self._unknown(one)
            elif record.state.final:
                self._again(one, record)
            elif one.report:
                self.telemetry.message_report(_line(record, one.report) | {"final": False, "state": record.state})

    def _again(self, heard: Heard, record: Record) -> None:
        """Names a report of a message that has ended. Nothing changes."""
        same = heard.state is record.state
        self.telemetry.count("ReportsRepeated" if same else "ReportsLate")
        self.telemetry.log(
            "info",
            "report_repeated" if same else "report_late",
            message_id=record.message_id,
            event_id=record.event_id,
            source=record.source,
            state=record.state,
            status=heard.report and heard.report.status,
        )

    def _unknown(self, heard: Heard) -> None:
        self.telemetry.count("ReportsUnknown")
        status = heard.report and heard.report.status
        self.telemetry.log("warning", "report_unknown", message_id=heard.message_id, status=status)

    def _each(self, work: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
        todo = list(items)
        if len(todo) == 1:
            return [work(todo[0])]
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(work, todo))


def _watch(record: Record) -> Watch:
    names = {"event_id": record.event_id, "source": record.source, "route": record.route}
    return Watch(message_ids=(record.message_id,), steps=record.unless_delivered, **names)


def _line(record: Record, report: Report | None) -> dict[str, Any]:
    """Returns the fields of a line `message_report`; docs/message-report.schema.json is its schema."""
    return {
        "event_id": record.event_id,
        "source": record.source,
        "route": record.route,
        "scenario": record.scenario,
        "dispatch_id": record.dispatch_id,
        "message_id": record.message_id,
        "to": record.to,
        "channel": report and report.channel,
        "status": report and report.status,
        "error": report and report.error,
        "price": report and report.price,
    }


def _end_line(record: Record) -> dict[str, Any]:
    return _line(record, record.report) | {"final": True, "state": record.state, "seconds": _seconds(record)}


def _seconds(record: Record) -> float | None:
    """Returns the seconds from OMNI's answer to the delivery, or None if the message wasn't delivered."""
    if record.state is not State.DELIVERED:
        return None
    report = record.report
    # After a lost answer, OMNI took the message before the answer that the relay recorded.
    sent_at = min(record.at, (report and report.sent_at) or record.at)
    done_at = (report and report.done_at) or record.ended_at or record.at
    return round(max(0.0, (done_at - sent_at).total_seconds()), 1)


def _event(record: Record) -> dict[str, Any]:
    """Returns the detail of the event on the bus. It is the line's, with an id that is the same for each copy."""
    line = {name: value for name, value in _end_line(record).items() if value is not None and name != "final"}
    return {"id": record.message_id, **line, "state": str(record.state)}
