"""Fakes in memory for the ports of relay.ports, with switches that make them fail."""

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from omni.models import Log, MessageResult, OmniResponse, Report, Status
from omni.statuses import Policy
from relay import limits
from relay.configure.sources import Source, parse_source
from relay.deliver.delivering import Deliverer
from relay.deliver.relaying import Relayer
from relay.deliver.sending import Dispatcher
from relay.follow.escalation import Escalator
from relay.follow.records import Recorder
from relay.model import records as model
from relay.model.items import Parked, QueueItem
from relay.model.records import Record, State
from relay.ports import (
    BusUnavailable,
    InFlight,
    LedgerUnavailable,
    OpenMessage,
    QueueUnavailable,
    RecordsUnavailable,
    UnknownScenario,
)
from relay.problems import NotAuthenticated

PENDING = {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE", "description": "sent"}
NO_CREDIT = {"groupId": 5, "groupName": "REJECTED", "id": 12, "name": "REJECTED_NOT_ENOUGH_CREDITS"}
BLOCKLISTED = {"groupId": 5, "groupName": "REJECTED", "id": 14, "name": "REJECTED_DESTINATION_BLOCKLISTED"}
NEW_GROUP = {"groupId": 42, "groupName": "NEW", "id": 4242, "name": "NEW_STATUS"}
DUPLICATE = {"groupId": 5, "groupName": "REJECTED", "id": 23, "name": "REJECTED_DUPLICATE_MESSAGE_ID"}


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.remaining = 20.0

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class FakeLedger:
    """Keeps results until they expire: those of `body` after limits.REPEAT_SECONDS, all others never."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.made_at: dict[tuple[str, str], datetime] = {}
        self.results: dict[tuple[str, str], Any] = {}
        self.held: set[tuple[str, str]] = set()
        self.down = False

    def once(self, kind: str, key: str, action: Callable[[], Any]) -> tuple[Any, bool]:
        if self.down:
            raise LedgerUnavailable
        if (kind, key) in self.held:
            raise InFlight
        if (kind, key) in self.results and not self._expired(kind, key):
            return self.results[kind, key], True
        result = action()
        self.results[kind, key], self.made_at[kind, key] = result, self.clock.now()
        return result, False

    def _expired(self, kind: str, key: str) -> bool:
        return kind == "body" and self.clock.now() - self.made_at[kind, key] > timedelta(seconds=limits.REPEAT_SECONDS)

    def forget(self, kind: str, key: str) -> None:
        if self.down:
            raise LedgerUnavailable
        self.results.pop((kind, key), None)


class FakeOutbox:
    """Keeps what is enqueued and parked.

    `confirmed` says, for each of the next items to park, whether the confirmation arrives. Each item is stored anyway.
    """

    def __init__(self) -> None:
        self.confirmed: list[bool] = []
        self.queue: list[tuple[QueueItem, int]] = []
        self.parked: list[Parked] = []
        self.down = False

    def enqueue(self, item: QueueItem, delay: int = 0) -> None:
        if self.down:
            raise QueueUnavailable
        self.queue.append((QueueItem.model_validate_json(_written(item)), delay))

    def park(self, parked: Parked) -> None:
        if self.down:
            raise QueueUnavailable
        self.parked.append(Parked.model_validate_json(_written(parked)))
        if self.confirmed and not self.confirmed.pop(0):
            raise QueueUnavailable


def _written(item: QueueItem | Parked) -> str:
    """Returns the JSON that aws/outbox.py would write."""
    return item.model_dump_json(by_alias=True, exclude_none=True)


class FakeOmni:
    """Answers each recipient with its status of `statuses`, or else with PENDING.

    The exceptions of `failures` are raised first, one per call. A message id that was accepted before is refused as a
    duplicate. With `remembers_refused`, an id that was refused before is refused as a duplicate, too. `logged` and
    `reported` are what the logs and the reports of messages say.
    """

    def __init__(self) -> None:
        self.remembers_refused = False
        self.refused: set[str] = set()
        self.requests: list[Any] = []
        self.deadlines: list[float] = []
        self.failures: list[Exception] = []
        self.statuses: dict[str, Mapping[str, Any]] = {}
        self.accepted: dict[str, str] = {}
        self.logged: list[Log] = []
        self.reported: list[Report] = []

    def logs(self, *, bulk_ids: Sequence[str] = (), message_ids: Sequence[str] = (), deadline: float) -> Sequence[Log]:
        self.deadlines.append(deadline)
        if self.failures:
            raise self.failures.pop(0)
        return [log for log in self.logged if log.bulk_id in bulk_ids or log.message_id in message_ids]

    def reports(self, bulk_id: str, deadline: float) -> Sequence[Report]:
        self.deadlines.append(deadline)
        if self.failures:
            raise self.failures.pop(0)
        taken = [report for report in self.reported if report.bulk_id == bulk_id]
        self.reported = [report for report in self.reported if report.bulk_id != bulk_id]
        return taken

    def send(self, request: Any, deadline: float) -> OmniResponse:
        self.requests.append(request)
        self.deadlines.append(deadline)
        if self.failures:
            raise self.failures.pop(0)
        results = [self._result(destination) for destination in request.destinations]
        return OmniResponse(bulk_id=request.bulk_id, messages=tuple(results))

    def _result(self, destination: Any) -> MessageResult:
        status = self.statuses.get(destination.to.phone_number, PENDING)
        if destination.message_id in self.accepted or (
            self.remembers_refused and destination.message_id in self.refused
        ):
            status = DUPLICATE
        elif status is PENDING:
            self.accepted[destination.message_id] = destination.to.phone_number
        else:
            self.refused.add(destination.message_id)
        return MessageResult(to=destination.to, status=Status.model_validate(status), message_id=destination.message_id)


class FakeRecords:
    """Keeps records by message id."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self.records: dict[str, Record] = {}
        self.written: list[int] = []  # how many by each call
        self.down = False

    def put(self, records: Sequence[Record], *, fresh: bool = False) -> None:
        self._check()
        self.written.append(len(records))
        for record in records:
            known = self.records.get(record.message_id)
            if fresh or not (known and (known.state.final or known.at > record.at)):
                self.records[record.message_id] = record

    def get(self, message_ids: Collection[str]) -> Mapping[str, Record]:
        self._check()
        return {message_id: self.records[message_id] for message_id in message_ids if message_id in self.records}

    def end(self, message_id: str, state: State, report: model.Report | None, at: datetime) -> Record | None:
        self._check()
        record = self.records.get(message_id)
        if record and not record.state.final:
            self.records[message_id] = record.model_copy(update={"state": state, "report": report, "ended_at": at})
        return self.records.get(message_id)

    def mark_told(self, message_id: str) -> None:
        self._check()
        told = {"told": True, "unless_delivered": ()}
        self.records[message_id] = self.records[message_id].model_copy(update=told)

    def open(self, since: datetime) -> Iterator[OpenMessage]:
        self._check()
        known = [record for record in self.records.values() if since <= record.at <= self.now()]
        some = [record for record in known if (record.awaited or record.state.final) and not record.told]
        for record in sorted(some, key=lambda record: record.at):
            yield OpenMessage(record.message_id, record.dispatch_id, record.at)

    def _check(self) -> None:
        if self.down:
            raise RecordsUnavailable


class FakeBus:
    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.down = False

    def publish(self, events: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        if self.down:
            raise BusUnavailable
        self.events += events


@dataclass
class FakeConfiguration:
    sources: dict[str, Source] = field(default_factory=dict)
    scenarios: set[str] = field(default_factory=lambda: {"incident"})
    failure: Exception | None = None

    def source(self, name: str) -> Source | None:
        if self.failure:
            raise self.failure
        return self.sources.get(name)

    def scenario_key(self, name: str) -> str:
        if self.failure:
            raise self.failure
        if name not in self.scenarios:
            raise UnknownScenario(name)
        return f"KEY-{name}"


class FakeSns:
    """Confirms any subscription and has no certificate."""

    def __init__(self) -> None:
        self.confirmed: list[str] = []

    def fetch(self, _url: str) -> bytes:
        raise NotAuthenticated("no such certificate")

    def confirm(self, url: str) -> None:
        self.confirmed.append(url)


class FakeKeySets:
    """Gives the same keys for every address, and keeps each question."""

    def __init__(self, *keys: Mapping[str, Any]) -> None:
        self.held: Sequence[Mapping[str, Any]] = keys
        self.asked: list[tuple[str, float]] = []

    def keys(self, url: str, max_age: float) -> Sequence[Mapping[str, Any]]:
        self.asked.append((url, max_age))
        return self.held


class FakeTelemetry:
    def __init__(self) -> None:
        self.received: list[Mapping[str, Any]] = []
        self.statuses: list[Mapping[str, Any]] = []
        self.reports: list[Mapping[str, Any]] = []
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self.counts: dict[str, int] = {}

    def event_received(self, fields: Mapping[str, Any]) -> None:
        self.received.append(fields)

    def message_status(self, fields: Mapping[str, Any]) -> None:
        self.statuses.append(fields)

    def message_report(self, fields: Mapping[str, Any]) -> None:
        self.reports.append(fields)

    def log(self, level: str, message: str, **fields: Any) -> None:
        self.lines.append((level, message, fields))

    def count(self, metric: str, value: int = 1) -> None:
        self.counts[metric] = self.counts.get(metric, 0) + value


class World:
    """A relay whose ports are all fakes in memory."""

    def __init__(self, limit: int = 100, *, follows: bool = True, keep_content: bool = False) -> None:
        self.clock = Clock()
        self.ledger = FakeLedger(self.clock)
        self.outbox = FakeOutbox()
        self.omni = FakeOmni()
        self.configuration = FakeConfiguration()
        self.telemetry = FakeTelemetry()
        self.records = FakeRecords(self.clock.now)
        self.bus = FakeBus()
        self.follows, self.keep_content = follows, keep_content
        self.hash_key: str | None = "local-records-key"
        self.notify_url: str | None = None
        self.dispatcher = Dispatcher(
            ledger=self.ledger,
            outbox=self.outbox,
            omni=self.omni,
            configuration=self.configuration,
            telemetry=self.telemetry,
            retry_bounds={Policy.RETRY: (5, 60, 3600), Policy.RETRY_ACCOUNT: (900, 3600)},
            now=self.clock.now,
            remaining=lambda: self.clock.remaining,
            call_seconds=8.0,
            recorder=Recorder(
                records=self.records,
                outbox=self.outbox,
                bus=self.bus,
                telemetry=self.telemetry,
                now=self.clock.now,
                hash_key=lambda: self.hash_key,
                keep_content=self.keep_content,
                follows=self.follows,
                remaining=lambda: self.clock.remaining,
            ),
            notify_url=lambda: self.notify_url,
            jitter=random.Random(7).uniform,
        )
        self.limit = limit

    @property
    def relayer(self) -> Relayer:
        return Relayer(
            dispatcher=self.dispatcher,
            configuration=self.configuration,
            ledger=self.ledger,
            outbox=self.outbox,
            telemetry=self.telemetry,
            now=self.clock.now,
            destinations_per_request=self.limit,
            installation="test",
            follows=self.follows,
        )

    @property
    def escalator(self) -> Escalator:
        return Escalator(
            records=self.records,
            omni=self.omni,
            ledger=self.ledger,
            outbox=self.outbox,
            bus=self.bus,
            telemetry=self.telemetry,
            now=self.clock.now,
            call_seconds=self.dispatcher.call_time,
            destinations_per_request=self.limit,
        )

    @property
    def deliverer(self) -> Deliverer:
        return Deliverer(
            relayer=self.relayer,
            dispatcher=self.dispatcher,
            configuration=self.configuration,
            escalator=self.escalator,
            records=self.records,
            ledger=self.ledger,
            outbox=self.outbox,
            telemetry=self.telemetry,
            now=self.clock.now,
        )

    def add_source(
        self,
        name: str,
        routes: Mapping[str, Any] | None = None,
        secrets: Iterable[str] = ("local-secret",),
        **settings: Any,
    ) -> Source:
        source = parse_source(name, {"verify": "bearer", **settings}, routes or {}, tuple(secrets))
        self.configuration.sources[name] = source
        return source

    @property
    def sent_texts(self) -> list[str]:
        return [request.text for request in self.omni.requests]
