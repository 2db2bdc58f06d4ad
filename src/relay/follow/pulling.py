"""Asks OMNI's logs what became of the messages whose end is not known. Logs can be read again for 48 hours.

The schedule needs no memory: the time of a run and a message's age say whether it is asked for. A young message is
asked for at each run, an old one ever more rarely.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from omni.errors import OmniError
from omni.models import Log
from relay.follow.reports import Heard, Listener, heard_of, one_each, unreported
from relay.model.records import State
from relay.ports import (
    BreakerOpen,
    BusUnavailable,
    ConfigurationUnavailable,
    NoTimeLeft,
    OmniGateway,
    OpenMessage,
    QueueUnavailable,
    Records,
    Telemetry,
)

GIVEN_UP = timedelta(hours=48)  # OMNI's logs go back no further
LOST = GIVEN_UP + timedelta(hours=3)  # the logs can't tell of a message any more, even if they answer later
# From each age on, a message is asked for every so many minutes; often again before the logs forget it.
INTERVALS: Sequence[tuple[timedelta, int]] = (
    (timedelta(hours=45), 30),
    (timedelta(hours=6), 180),
    (timedelta(hours=1), 30),
    (timedelta(minutes=10), 5),
    (timedelta(0), 1),
)
# A run at a minute that these numbers divide reads the messages up to this age; all others are not due then.
REACHES: Sequence[tuple[int, timedelta]] = (
    (30, timedelta(days=3650)),
    (5, timedelta(hours=1)),
    (1, timedelta(minutes=10)),
)
BULKS, MESSAGES = 50, 1_000  # of one call of the logs; 1,000 entries are the most that OMNI answers
IDS = 100  # message ids of one call, which make a URL of 5 KB
RESERVE_SECONDS = 15.0  # for recording what one call of the logs says
_OMNI_FAILURES = (OmniError, BreakerOpen, NoTimeLeft, ConfigurationUnavailable)


def reach(at: datetime) -> timedelta:
    """Returns the age of the oldest messages that the run at this time reads."""
    return next(age for every, age in REACHES if _minute(at) % every == 0)


def is_due(age: timedelta, at: datetime) -> bool:
    """Whether the run at this time asks for a message of this age."""
    return _minute(at) % next((every for older, every in INTERVALS if age >= older), 1) == 0


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)


@dataclass(frozen=True, slots=True)
class Puller:
    """Asks for the ends of open messages.

    Attributes:
        takes_reports: whether to fetch the error of a failed message from OMNI's reports, which gives each report once.
        remaining: returns the seconds until the function is stopped.
        call_seconds: how long one call of OMNI may take.
    """

    records: Records
    omni: OmniGateway
    listener: Listener
    telemetry: Telemetry
    now: Callable[[], datetime]
    remaining: Callable[[], float]
    call_seconds: float
    takes_reports: bool

    def pull(self, at: datetime) -> int:
        """Asks for all messages that are due at this run, and returns how many it has asked for.

        It stops early when time runs out; the next run goes on. While OMNI fails, only those end that no answer can
        tell of any more.

        Raises RecordsUnavailable, QueueUnavailable, BusUnavailable: see `Listener.hear`. Other messages were heard.
        """
        asked = 0
        failures: list[Exception] = []
        omni_fails = False
        since = max(at - reach(at), datetime.fromtimestamp(0, UTC))
        due = (message for message in self.records.open(since) if is_due(at - message.at, at))
        for messages in _batches(due):
            if self.remaining() < RESERVE_SECONDS + self.call_seconds:
                self.telemetry.log("warning", "pull_cut_short", cause="no_time_left", asked=asked)
                break
            try:
                if omni_fails:
                    self._end([message for message in messages if self.now() - message.at > LOST])
                else:
                    self._ask(messages)
                    asked += len(messages)
            except _OMNI_FAILURES as failure:
                omni_fails = True
                self.telemetry.count("PullsFailed")
                self.telemetry.log("warning", "pull_cut_short", cause=type(failure).__name__, asked=asked)
                self._end([message for message in messages if self.now() - message.at > LOST])
            except (QueueUnavailable, BusUnavailable) as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        return asked

    def _ask(self, messages: Sequence[OpenMessage]) -> None:
        """Asks for one batch, and hears each answer before the next call. What is too old then ends as unreported."""
        ended: set[str] = set()
        for logs in self._answers(messages):
            wanted = {message.message_id for message in messages} - ended
            ends = [one for one in one_each(map(heard_of, logs)).values() if one.state and one.message_id in wanted]
            self.listener.hear(self._with_errors(ends, messages))
            ended.update(one.message_id for one in ends)
        self._end([one for one in messages if self.now() - one.at > GIVEN_UP and one.message_id not in ended])

    def _end(self, messages: Sequence[OpenMessage]) -> None:
        self.listener.hear([unreported(message.message_id) for message in messages])

    def _answers(self, messages: Sequence[OpenMessage]) -> Iterator[Sequence[Log]]:
        """Yields what the logs say. Many messages of one dispatch are asked for by its bulk id, all others by their own
        ids, because OMNI may know a single message by no bulk.

        What the answer by bulk lacks is asked for by ids, too: a bulk's other messages may fill that answer.
        """
        of_bulk: dict[str, list[str]] = {}
        for message in messages:
            of_bulk.setdefault(message.dispatch_id, []).append(message.message_id)
        bulks = [bulk for bulk, ids in of_bulk.items() if len(ids) > 1]
        answered: set[str | None] = set()
        if bulks:
            logs = self.omni.logs(bulk_ids=bulks, deadline=self.call_seconds)
            answered = {log.message_id for log in logs}
            yield logs
        missing = [message.message_id for message in messages if message.message_id not in answered]
        for start in range(0, len(missing), IDS):
            if self.remaining() < RESERVE_SECONDS + self.call_seconds:
                raise NoTimeLeft
            yield self.omni.logs(message_ids=missing[start : start + IDS], deadline=self.call_seconds)

    def _with_errors(self, ends: Sequence[Heard], messages: Sequence[OpenMessage]) -> Sequence[Heard]:
        """Adds the errors of failed messages, which the logs don't have, and the other ends that the reports tell of.

        It asks by bulk, so it takes only our own reports. OMNI gives each once.
        """
        if not self.takes_reports:
            return ends
        bulk_of = {message.message_id: message.dispatch_id for message in messages}
        failed = dict.fromkeys(bulk_of[end.message_id] for end in ends if end.state is not State.DELIVERED)
        told: list[Heard | None] = []
        for bulk in failed:
            if self.remaining() < RESERVE_SECONDS + self.call_seconds:
                break
            try:
                told += map(heard_of, self.omni.reports(bulk, self.call_seconds))
            except _OMNI_FAILURES:
                break  # the end is known, and only its error isn't
        reported = one_each(one for one in told if one and one.state)
        known = {end.message_id for end in ends}
        others = [one for one in reported.values() if one.message_id not in known]
        return [*(_with_error(end, reported.get(end.message_id)) for end in ends), *others]


def _with_error(end: Heard, told: Heard | None) -> Heard:
    if end.report is None or told is None or told.report is None or told.report.error is None:
        return end
    return replace(end, report=end.report.model_copy(update={"error": told.report.error}))


def _batches(messages: Iterator[OpenMessage]) -> Iterator[Sequence[OpenMessage]]:
    """Yields the messages in batches that one call of the logs can ask for."""
    batch: list[OpenMessage] = []
    bulks: set[str] = set()
    for message in messages:
        if len(batch) >= MESSAGES or (len(bulks) >= BULKS and message.dispatch_id not in bulks):
            yield batch
            batch, bulks = [], set()
        batch.append(message)
        bulks.add(message.dispatch_id)
    if batch:
        yield batch
