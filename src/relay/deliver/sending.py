"""Sending a dispatch: once, within the time that is left, with every answer of OMNI's classified.

An attempt ends *settled* (sent, parked, or each message one of them) or *deferred* (to be tried again).
What is settled is on the ledger, so that a copy that arrives later gets the same receipt.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from omni.errors import AnswerError, OmniError
from omni.statuses import Policy
from relay import limits
from relay.deliver.log_lines import status_record
from relay.deliver.parking import Parker
from relay.deliver.retries import LONGEST_DELAY, Condition, RetrySchedule, Tries
from relay.model.dispatches import Dispatch, Message, request_of
from relay.model.items import QueueItem, Reason
from relay.model.receipts import AnswerMismatch, Fate, Receipt, receipt_of
from relay.ports import (
    BreakerOpen,
    Configuration,
    ConfigurationUnavailable,
    Ledger,
    LedgerUnavailable,
    NoTimeLeft,
    OmniGateway,
    Outbox,
    QueueUnavailable,
    Telemetry,
    UnknownScenario,
)

LEAST_CALL_SECONDS = 1.0  # less than that is not worth starting: OMNI may take it, and we'd not hear
_EXHAUSTED: Mapping[Condition, Reason] = {
    Condition.TRANSIENT: Reason.ATTEMPTS_EXHAUSTED,
    Condition.ACCOUNT: Reason.ACCOUNT_BLOCKED,
}
RESERVE_SECONDS = 2.0  # kept to record what happened: a ledger write, and a queue write in its place


class Settled(BaseModel):
    """An attempt's end. `parked` is the reason with its detail where messages were parked; the others were sent,
    or queued as a dispatch of their own (`requeued` of them).
    """

    model_config = ConfigDict(frozen=True)

    receipt: Receipt | None = None
    parked: str | None = None
    requeued: int = 0


class Deferred(Exception):
    """To be tried again: `cause` is for the log, `retry_after` (seconds) a wish of OMNI's."""

    def __init__(
        self, cause: str, condition: Condition = Condition.TRANSIENT, retry_after: float | None = None
    ) -> None:
        super().__init__(cause)
        self.cause, self.condition, self.retry_after = cause, condition, retry_after


@dataclass(frozen=True, slots=True)
class Sender:
    """The one place where a dispatch is sent. `remaining` gives the seconds until the function is stopped."""

    ledger: Ledger
    outbox: Outbox
    omni: OmniGateway
    configuration: Configuration
    telemetry: Telemetry
    schedule: RetrySchedule
    now: Callable[[], datetime]
    remaining: Callable[[], float]
    call_seconds: float

    @property
    def parker(self) -> Parker:
        return Parker(self.outbox, self.telemetry, self.now)

    def send(self, dispatch: Dispatch, tries: Tries) -> tuple[Settled, bool]:
        """Sends at most once by the dispatch's id; the flag says that it was settled before.

        Raises:
            InFlight: another copy is sending it now.
            Deferred: it must be tried again; nothing of it is on the ledger.
        """
        started = self.now()
        try:
            self._check_time()
            dispatch = self._unsent(dispatch)
            if not dispatch.messages:
                return Settled(), True
            once = self.ledger.once("send", dispatch.id, lambda: self._attempt(dispatch, tries).model_dump(mode="json"))
        except LedgerUnavailable:
            raise self._deferred(dispatch, tries, started, Deferred("ledger_unavailable")) from None
        except Deferred as deferral:
            raise self._deferred(dispatch, tries, started, deferral) from None
        return Settled.model_validate(once.result), once.duplicate

    def _unsent(self, dispatch: Dispatch) -> Dispatch:
        """Without the messages that were sent under their former ids after all, which from now on can't be."""
        if not any(message.was for message in dispatch.messages):
            return dispatch
        closed = Settled(parked=f"{Reason.MESSAGES_REJECTED}: a replay sends them under other ids").model_dump(
            mode="json"
        )
        sent: set[str] = set()
        for former in dispatch.former:
            settled = Settled.model_validate(self.ledger.once("send", former, lambda: closed).result)
            sent |= {m.message_id for m in settled.receipt.with_policy(Policy.ACCEPTED)} if settled.receipt else set()
        return dispatch.model_copy(update={"messages": tuple(m for m in dispatch.messages if m.was not in sent)})

    @property
    def short_of_time(self) -> bool:
        """Whether no further send can be started."""
        return self.remaining() - RESERVE_SECONDS < LEAST_CALL_SECONDS

    def _check_time(self) -> float:
        """Seconds that a call may take now."""
        if self.short_of_time:
            raise Deferred("no_time_left")
        return min(self.call_seconds, self.remaining() - RESERVE_SECONDS)

    def _attempt(self, dispatch: Dispatch, tries: Tries) -> Settled:
        started = self.now()
        try:
            key = self.configuration.scenario_key(dispatch.content.scenario)
            response = self.omni.send(request_of(dispatch, key), self._check_time())
            receipt = receipt_of(dispatch, response)
        except UnknownScenario:
            detail = f"scenario: no key is configured for {dispatch.content.scenario}"
            return self._refused(dispatch, tries, started, Reason.UNKNOWN_SCENARIO, detail)
        except BreakerOpen:
            raise Deferred("breaker_open") from None
        except NoTimeLeft:
            raise Deferred("no_time_left") from None
        except ConfigurationUnavailable:
            raise Deferred("configuration_unavailable") from None
        except AnswerMismatch:
            raise Deferred("answer_mismatch") from None
        except OmniError as error:
            if not (error.retryable or error.account):
                detail, words = _describe(error), _words(error)
                return self._refused(dispatch, tries, started, Reason.REQUEST_REFUSED, detail, words=words)
            condition = Condition.ACCOUNT if error.account else Condition.TRANSIENT
            raise Deferred(_describe(error), condition, getattr(error, "retry_after", None)) from None
        return self._settle(dispatch, tries, started, receipt)

    def _settle(self, dispatch: Dispatch, tries: Tries, started: datetime, receipt: Receipt) -> Settled:
        """Gives each message its fate. What is not sent goes on as a dispatch of its own, before the receipt is
        recorded: a crash in between repeats the message ids, and OMNI says so.
        """
        again = receipt.with_policy(Policy.RETRY, Policy.RETRY_ACCOUNT)
        blocked = receipt.with_policy(Policy.RETRY_ACCOUNT)
        condition = Condition.ACCOUNT if blocked else Condition.TRANSIENT
        if blocked:
            self.telemetry.count("AccountBlocked")
        if len(again) == len(dispatch.messages):
            self._record(dispatch, tries, started, receipt=receipt)
            raise _Recorded("account_blocked" if blocked else "messages_deferred", condition)
        parts = receipt.parked()
        given_up = None
        try:
            if again and not self._requeue(dispatch.narrowed(again), tries, condition):
                given_up = _EXHAUSTED[condition]
                parts = {given_up: again} | parts
            # What was refused goes last: its replay closes this dispatch, and all else of it must be stored by then.
            for reason, some in sorted(parts.items(), key=lambda part: part[0] is Reason.MESSAGES_REJECTED):
                self.parker.dispatch(dispatch.narrowed(some), tries, reason, _statuses(receipt, some))
        except QueueUnavailable:
            raise Deferred("queue_unavailable") from None
        self._record(dispatch, tries, started, receipt=receipt, given_up=given_up)
        parked = "; ".join(f"{reason}: {_statuses(receipt, some)}" for reason, some in parts.items())
        return Settled(receipt=receipt, parked=parked or None, requeued=1 if again and not given_up else 0)

    def _refused(
        self, dispatch: Dispatch, tries: Tries, started: datetime, reason: Reason, detail: str, *, words: str = ""
    ) -> Settled:
        try:
            self.parker.dispatch(dispatch, tries, reason, detail + words)
        except QueueUnavailable:
            raise Deferred("queue_unavailable") from None
        self._record(dispatch, tries, started, fate=Fate.PARKED, cause=detail)
        return Settled(parked=f"{reason}: {detail}")

    def _requeue(self, dispatch: Dispatch, tries: Tries, condition: Condition) -> bool:
        """Queues a dispatch for its next attempt, unless it is too old. Raises QueueUnavailable."""
        delay = self.delay(tries, condition, None)
        if delay is not None:
            self.outbox.enqueue(self.retried(dispatch, tries, delay), delay)
        return delay is not None

    def retried(self, dispatch: Dispatch, tries: Tries, delay: int) -> QueueItem:
        """The queue's item for the next attempt, not before `delay` seconds from now."""
        not_before = self.now() + timedelta(seconds=delay)
        # Where the wait is longer than a new message's can be, one receipt more is no attempt.
        attempts = tries.attempt - (delay > LONGEST_DELAY)
        return QueueItem(dispatch=dispatch, attempts=attempts, first_attempt_at=tries.first_at, not_before=not_before)

    def delay(self, tries: Tries, condition: Condition, retry_after: float | None) -> int | None:
        age = (self.now() - tries.first_at).total_seconds()
        return self.schedule.delay(condition, age, retry_after)

    def give_up(self, dispatch: Dispatch, tries: Tries, condition: Condition, cause: str) -> None:
        """Parks a dispatch whose attempts are used up. Raises QueueUnavailable."""
        reason = _EXHAUSTED[condition]
        self.parker.dispatch(dispatch, tries, reason, f"{tries.attempt} attempts; the last: {cause}")
        self._record(dispatch, tries, self.now(), fate=Fate.PARKED, cause=reason)

    def _deferred(self, dispatch: Dispatch, tries: Tries, started: datetime, deferral: Deferred) -> Deferred:
        if not isinstance(deferral, _Recorded):
            self._record(dispatch, tries, started, fate=Fate.RETRY, cause=deferral.cause)
            if deferral.condition is Condition.ACCOUNT:
                self.telemetry.count("AccountBlocked")
        return deferral

    def _record(self, dispatch: Dispatch, tries: Tries, started: datetime, **what: Any) -> None:
        latency = (self.now() - started).total_seconds() * 1000
        for fields in status_record(dispatch, attempt=tries.attempt, latency_ms=latency, **what):
            self.telemetry.message_status(fields)


class _Recorded(Deferred):
    """A deferral whose messages have their log lines already, with OMNI's statuses."""


def _describe(error: OmniError) -> str:
    """An error for the log, the answer and the parked item; the library's texts hold no secret and no content."""
    return f"{type(error).__name__}: {error}"


def _words(error: OmniError) -> str:
    """OMNI's own explanation, for the parked item only: it may repeat a number or the message, and that holds both."""
    words = error.problem.text if isinstance(error, AnswerError) else None
    return f": {words[: limits.EXPLANATION_CHARS]}" if words else ""


def _statuses(receipt: Receipt, messages: Sequence[Message]) -> str:
    """The distinct status names of the messages."""
    ids = {message.message_id for message in messages}
    return ", ".join(sorted({m.status.name for m in receipt.messages if m.message.message_id in ids}))
