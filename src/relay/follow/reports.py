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
from relay.model.records import FINAL_STATES, Record, Report, State, shown_status
from relay.ports import EventBus, Outbox, Records, Telemetry

WORKERS = 8  # calls of DynamoDB at the same time: 2,000 pushed results must be recorded before OMNI gives up
_PUBLISHED: Mapping[State, str] = {State.DELIVERED: "message.delivered", State.UNREPORTED: "message.unreported"}
_COUNTED: Mapping[State, str] = {State.DELIVERED: "MessagesDelivered", State.UNREPORTED: "MessagesUnreported"}
_FAILED = "MessagesUndelivered"  # every other end
_NO_ERROR = "NO_ERROR"
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Heard:
    """What OMNI says of a message. Without a report, OMNI said nothing for too long."""

    message_id: str
    report: Report | None

    @property
    def state(self) -> State | None:
        """Returns the final state that this means, or None if the message is still on its way."""
        if self.report is None:
            return State.UNREPORTED
        group = self.report.status.get("groupId")
        return None if group is None else FINAL_STATES.get(group)


def heard_of(log: Log) -> Heard | None:
    """Reads a report or an entry of the logs. Returns None if it names no message or no status."""
    if not log.message_id or log.status is None:
        return None
    status = shown_status(log.status) | {"groupId": group_of(log.status)}
    price = {"pricePerMessage": log.price.price_per_message, "currency": log.price.currency} if log.price else None
    report = Report(channel=log.channel, status=status, error=_error(log), done_at=log.done_at, price=price)
    return Heard(log.message_id, report)


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

    def hear(self, heard: Sequence[Heard]) -> None:
        """Takes reports in their order. If it raises, all of them may be heard again.

        Raises:
            RecordsUnavailable: an end was not recorded.
            QueueUnavailable, BusUnavailable: an end is recorded and not told.
        """
        self._note([one for one in heard if one.state is None])
        ends = {one.message_id: one for one in reversed(heard) if one.state}  # the first end of a message counts
        records = self._each(self._end, ends.values())
        told_now: list[Record] = []
        for one, record in zip(ends.values(), records, strict=True):
            if record is None:
                self._unknown(one)
            elif record.told:
                self._again(one, record)
            else:
                told_now.append(record)
        self._tell(told_now)
        repeated = len(heard) - len(ends) - sum(one.state is None for one in heard)
        if repeated:
            self.telemetry.count("ReportsRepeated", repeated)

    def _end(self, heard: Heard) -> Record | None:
        return self.records.end(heard.message_id, heard.state or State.UNREPORTED, heard.report, self.now())

    def _tell(self, records: Sequence[Record]) -> None:
        self.bus.publish([(_PUBLISHED.get(record.state, "message.undelivered"), _event(record)) for record in records])
        for record in records:
            if record.state is not State.DELIVERED and record.unless_delivered:
                self.outbox.enqueue(QueueItem(watch=_watch(record), first_attempt_at=self.now()))
            self.telemetry.message_report(_end_line(record))
            self._count(record.state)
        self._each(self.records.mark_told, [record.message_id for record in records])

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
    done_at = (record.report and record.report.done_at) or record.ended_at or record.at
    return round(max(0.0, (done_at - record.at).total_seconds()), 1)


def _event(record: Record) -> dict[str, Any]:
    """Returns the detail of the event on the bus. It is the line's, with an id that is the same for each copy."""
    line = {name: value for name, value in _end_line(record).items() if value is not None and name != "final"}
    return {"id": record.message_id, **line, "state": str(record.state)}
