"""Asks OMNI's logs what became of the messages whose end is not known. Logs can be read again for 48 hours.

The schedule needs no memory: the time of a run and a message's age say whether it is asked for. A young message is
asked for at each run, an old one ever more rarely.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from omni.errors import OmniError
from omni.models import Log
from relay.follow.reports import Heard, Listener, heard_of
from relay.model.records import Report, State
from relay.ports import BreakerOpen, ConfigurationUnavailable, NoTimeLeft, OmniGateway, OpenMessage, Records, Telemetry

GIVEN_UP = timedelta(hours=48)  # OMNI's logs go back no further
# Every so many minutes, messages of this age are asked for. Each number divides the next, so a run that asks for old
# messages asks for all younger ones.
REACHES: Sequence[tuple[int, timedelta]] = (
    (180, timedelta(days=3650)),
    (30, timedelta(hours=6)),
    (5, timedelta(hours=1)),
    (1, timedelta(minutes=10)),
)
BULKS, MESSAGES = 50, 1_000  # of one call of the logs; 1,000 entries are the most that OMNI answers
IDS = 100  # message ids of one call, which make a URL of 5 KB
RESERVE_SECONDS = 15.0  # for recording what one call of the logs says
_OMNI_FAILURES = (OmniError, BreakerOpen, NoTimeLeft, ConfigurationUnavailable)


def reach(at: datetime) -> timedelta:
    """Returns the age of the oldest messages that the run at this time asks for."""
    minute = int(at.timestamp() // 60)
    return next(age for every, age in REACHES if minute % every == 0)


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
        """Asks for all messages that are due at this run, and returns how many are open.

        It stops early when OMNI fails or time runs out; the next run goes on.

        Raises RecordsUnavailable, QueueUnavailable, BusUnavailable: see `Listener.hear`.
        """
        asked = 0
        since = max(at - reach(at), datetime.fromtimestamp(0, UTC))
        try:
            for messages in _batches(self.records.open(since)):
                if self.remaining() < RESERVE_SECONDS + self.call_seconds:
                    self.telemetry.log("warning", "pull_cut_short", cause="no_time_left", asked=asked)
                    break
                self._ask(messages)
                asked += len(messages)
        except _OMNI_FAILURES as failure:
            self.telemetry.count("PullsFailed")
            self.telemetry.log("warning", "pull_cut_short", cause=type(failure).__name__, asked=asked)
        return asked

    def _ask(self, messages: Sequence[OpenMessage]) -> None:
        """Asks for one batch. What is too old is asked for once more, and then ends as unreported."""
        expired = [message for message in messages if self.now() - message.at > GIVEN_UP]
        found = self._logged(messages)
        ends = [heard for heard in found.values() if heard.state]
        self.listener.hear(self._with_errors(ends, messages))
        ended = {heard.message_id for heard in ends}
        self.listener.hear([Heard(one.message_id, None) for one in expired if one.message_id not in ended])

    def _logged(self, messages: Sequence[OpenMessage]) -> Mapping[str, Heard]:
        """Returns what the logs say of these messages.

        The answer may lack some: a bulk's other messages fill it too, and OMNI may know a single message by no bulk.
        So those are asked for by their own ids.
        """
        wanted = {message.message_id: message for message in messages}
        bulks = list(dict.fromkeys(message.dispatch_id for message in messages))
        found = _heard(self.omni.logs(bulk_ids=bulks, deadline=self.call_seconds), wanted)
        missing = [message_id for message_id in wanted if message_id not in found]
        for start in range(0, len(missing), IDS):
            if self.remaining() < RESERVE_SECONDS + self.call_seconds:
                raise NoTimeLeft
            ids = missing[start : start + IDS]
            found |= _heard(self.omni.logs(message_ids=ids, deadline=self.call_seconds), wanted)
        return found

    def _with_errors(self, ends: Sequence[Heard], messages: Sequence[OpenMessage]) -> Sequence[Heard]:
        """Adds the errors of failed messages, which the logs don't have. It asks by bulk, so it takes only ours."""
        if not self.takes_reports:
            return ends
        bulk_of = {message.message_id: message.dispatch_id for message in messages}
        failed = dict.fromkeys(
            bulk_of[end.message_id] for end in ends if end.state is not State.DELIVERED and end.message_id in bulk_of
        )
        errors: dict[str, Report] = {}
        for bulk in failed:
            if self.remaining() < RESERVE_SECONDS + self.call_seconds:
                break
            try:
                reports = self.omni.reports(bulk, self.call_seconds)
            except _OMNI_FAILURES:
                break  # the end is known, and only its error isn't
            errors |= {one.message_id: one.report for one in map(heard_of, reports) if one and one.report}
        return [_with_error(end, errors.get(end.message_id)) for end in ends]


def _with_error(end: Heard, report: Report | None) -> Heard:
    if end.report is None or report is None or report.error is None:
        return end
    return Heard(end.message_id, end.report.model_copy(update={"error": report.error}))


def _heard(logs: Sequence[Log], wanted: Mapping[str, OpenMessage]) -> dict[str, Heard]:
    """Returns what the logs say of the wanted messages. An end counts more than another entry of the same message."""
    found: dict[str, Heard] = {}
    for heard in map(heard_of, logs):
        if heard is None or heard.message_id not in wanted:
            continue
        known = found.get(heard.message_id)
        if known is None or known.state is None:
            found[heard.message_id] = heard
    return found


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
