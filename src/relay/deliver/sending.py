"""Sends a dispatch once by its id, within the time that is left, and acts on every answer of OMNI's.

An attempt ends in one of two ways. It has a receipt: each message was sent, parked, or went back to the queue. Or it is
deferred: all of it must be tried again. The ledger keeps the receipt, so that a copy that arrives later gets it too.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from omni.errors import AnswerError, OmniError
from omni.models import Status
from omni.statuses import GROUPS, Policy, group_of
from relay import limits
from relay.deliver.log_lines import message_lines
from relay.deliver.parking import park
from relay.deliver.retries import LONGEST_DELAY, Attempt, retry_delay
from relay.follow.records import Recorder
from relay.model.dispatches import Dispatch, request_of
from relay.model.items import Parked, QueueItem, Reason, Watch
from relay.model.receipts import AnswerMismatch, Receipt, receipt_of
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
from relay.redaction import hide_secret

LEAST_CALL_SECONDS = 1.0  # a shorter call is not worth starting: OMNI may take the message, and we would not hear it
# Kept for writing down what happened: a record or its queueing, an event on the bus, and the receipt on the ledger.
RESERVE_SECONDS = 3.0
_EXHAUSTED: Mapping[Policy, Reason] = {
    Policy.RETRY: Reason.ATTEMPTS_EXHAUSTED,
    Policy.RETRY_ACCOUNT: Reason.ACCOUNT_BLOCKED,
}
_CAUSES: Mapping[type[Exception], str] = {
    BreakerOpen: "breaker_open",
    NoTimeLeft: "no_time_left",
    ConfigurationUnavailable: "configuration_unavailable",
    AnswerMismatch: "answer_mismatch",
}


class Deferred(Exception):
    """The dispatch must be tried again, as a whole.

    Attributes:
        cause: a word or an error for the log.
        policy: RETRY, or RETRY_ACCOUNT where a condition of the account holds every message back.
        retry_after: OMNI's own wish in seconds.
        logged: the messages have their log lines already, with OMNI's statuses.
    """

    def __init__(
        self, cause: str, policy: Policy = Policy.RETRY, *, retry_after: float | None = None, logged: bool = False
    ) -> None:
        super().__init__(cause)
        self.cause, self.policy, self.retry_after, self.logged = cause, policy, retry_after, logged


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """The one place where a dispatch is sent.

    Attributes:
        retry_bounds: for RETRY and RETRY_ACCOUNT, the longest waits in seconds before further attempts.
        remaining: returns the seconds until the function is stopped.
        call_seconds: how long one call of OMNI may take.
        recorder: keeps the record of each message.
        notify_url: returns where OMNI pushes reports of what goes by `/advanced`, or None. It holds a secret.
        jitter: see `retry_delay`.
    """

    ledger: Ledger
    outbox: Outbox
    omni: OmniGateway
    configuration: Configuration
    telemetry: Telemetry
    retry_bounds: Mapping[Policy, Sequence[int]]
    now: Callable[[], datetime]
    remaining: Callable[[], float]
    call_seconds: float
    recorder: Recorder
    notify_url: Callable[[], str | None] = lambda: None
    jitter: Callable[[float, float], float] = random.uniform

    def send(self, attempt: Attempt) -> tuple[Receipt, bool]:
        """Sends a dispatch at most once by its id. The flag says that a former attempt had made the receipt.

        Raises:
            InFlight: another copy is sending it now.
            Deferred: it must be tried again; the ledger holds nothing of it.
        """
        attempt = replace(attempt, started=self.now())
        try:
            self.call_time()
            attempt = replace(attempt, dispatch=self._unsent(attempt.dispatch))
            if not attempt.dispatch.messages:
                return Receipt(), True
            result, duplicate = self.ledger.once(
                "send", attempt.dispatch.id, lambda: self._attempt(attempt).model_dump(mode="json")
            )
        except NoTimeLeft:
            deferred = Deferred("no_time_left")
        except LedgerUnavailable:
            deferred = Deferred("ledger_unavailable")
        except Deferred as raised:
            deferred = raised
        else:
            return Receipt.model_validate(result), duplicate
        self._log_deferred(attempt, deferred)
        raise deferred from None

    @property
    def short_of_time(self) -> bool:
        """Whether no further send can be started."""
        return self.remaining() - RESERVE_SECONDS < LEAST_CALL_SECONDS

    def next_delay(self, first_at: datetime, policy: Policy, retry_after: float | None = None) -> int | None:
        """Returns the seconds until the next attempt, or None when it is time to give up."""
        age = (self.now() - first_at).total_seconds()
        return retry_delay(self.retry_bounds[policy], age, retry_after, jitter=self.jitter)

    def next_item(self, attempt: Attempt, delay: int) -> QueueItem:
        """Returns the queue's item for the next attempt, which is due in `delay` seconds."""
        return QueueItem(
            dispatch=attempt.dispatch,
            # A new message can't wait longer than LONGEST_DELAY. It is then received once more, which is no attempt.
            attempts=attempt.number - (delay > LONGEST_DELAY),
            first_attempt_at=attempt.first_at,
            not_before=self.now() + timedelta(seconds=delay),
        )

    def give_up(self, attempt: Attempt, deferred: Deferred) -> None:
        """Parks a dispatch whose attempts are used up. Raises QueueUnavailable."""
        reason = _EXHAUSTED[deferred.policy]
        self._park(attempt, attempt.dispatch, reason, f"{attempt.number} attempts; the last: {deferred.cause}")
        self._log(replace(attempt, started=self.now()), policy=Policy.PARK, cause=reason)

    def call_time(self) -> float:
        """Returns the seconds that a call of OMNI may take now. Raises NoTimeLeft."""
        if self.short_of_time:
            raise NoTimeLeft
        return min(self.call_seconds, self.remaining() - RESERVE_SECONDS)

    def _unsent(self, dispatch: Dispatch) -> Dispatch:
        """Removes messages already sent under their old ids, and closes those ids so that they can't be sent later."""
        if not any(message.was for message in dispatch.messages):
            return dispatch
        closed = Receipt(parked=f"{Reason.MESSAGES_REJECTED}: a replay sends them under other ids")
        sent: set[str] = set()
        for former in dispatch.former:
            result, _ = self.ledger.once("send", former, lambda: closed.model_dump(mode="json"))
            sent.update(Receipt.model_validate(result).ids(Policy.ACCEPTED))
        return dispatch.model_copy(update={"messages": tuple(m for m in dispatch.messages if m.was not in sent)})

    def _attempt(self, attempt: Attempt) -> Receipt:
        attempt = replace(attempt, started=self.now())
        dispatch = attempt.dispatch
        notify_url = self.notify_url() if dispatch.content.advanced else None
        try:
            key = self.configuration.scenario_key(dispatch.content.scenario)
            response = self.omni.send(request_of(dispatch, key, notify_url), self.call_time())
            receipt = receipt_of(dispatch, response)
        except UnknownScenario:
            detail = f"scenario: no key is configured for {dispatch.content.scenario}"
            return self._refused(attempt, Reason.UNKNOWN_SCENARIO, detail)
        except (BreakerOpen, NoTimeLeft, ConfigurationUnavailable, AnswerMismatch) as failure:
            raise Deferred(next(cause for kind, cause in _CAUSES.items() if isinstance(failure, kind))) from None
        except OmniError as error:
            if not (error.retryable or error.account):
                explanation = _explanation(error, notify_url)
                return self._refused(attempt, Reason.REQUEST_REFUSED, _describe(error), explanation=explanation)
            policy = Policy.RETRY_ACCOUNT if error.account else Policy.RETRY
            raise Deferred(_describe(error), policy, retry_after=getattr(error, "retry_after", None)) from None
        return self._received(attempt, receipt)

    def _received(self, attempt: Attempt, receipt: Receipt) -> Receipt:
        """Does what each status asks for. Messages that were not sent go on as a dispatch of their own.

        That happens before the receipt is recorded. A crash in between repeats the message ids, and OMNI recognises
        them.
        """
        dispatch = attempt.dispatch
        again = receipt.ids(Policy.RETRY, Policy.RETRY_ACCOUNT)
        policy = Policy.RETRY_ACCOUNT if receipt.ids(Policy.RETRY_ACCOUNT) else Policy.RETRY
        if policy is Policy.RETRY_ACCOUNT:
            self.telemetry.count("AccountBlocked")
        if len(again) == len(dispatch.messages):
            self._log(attempt, receipt=receipt)
            cause = "account_blocked" if policy is Policy.RETRY_ACCOUNT else "messages_deferred"
            raise Deferred(cause, policy, logged=True)
        parts = _to_park(receipt)
        try:
            requeued = bool(again) and self._requeue(replace(attempt, dispatch=dispatch.narrowed(again)), policy)
            given_up = None if requeued or not again else _EXHAUSTED[policy]
            if given_up:
                parts = {given_up: again} | parts
            # Park refused messages last. Replaying them closes this dispatch, so everything else must be stored.
            for reason, ids in sorted(parts.items(), key=lambda part: part[0] is Reason.MESSAGES_REJECTED):
                self._park(attempt, dispatch.narrowed(ids), reason, _status_names(receipt, ids))
        except QueueUnavailable:
            raise Deferred("queue_unavailable") from None
        self._log(attempt, receipt=receipt, given_up=given_up)
        self.recorder.sent(dispatch, receipt, receipt.ids(Policy.ACCEPTED), attempt.number)
        parked = "; ".join(f"{reason}: {_status_names(receipt, ids)}" for reason, ids in parts.items())
        return receipt.model_copy(update={"parked": parked or None, "requeued": int(requeued)})

    def _refused(self, attempt: Attempt, reason: Reason, detail: str, *, explanation: str = "") -> Receipt:
        """Parks the whole dispatch. `explanation` stands in the parked item only."""
        try:
            self._park(attempt, attempt.dispatch, reason, detail + explanation)
        except QueueUnavailable:
            raise Deferred("queue_unavailable") from None
        self._log(attempt, policy=Policy.PARK, cause=detail)
        return Receipt(parked=f"{reason}: {detail}")

    def _requeue(self, attempt: Attempt, policy: Policy) -> bool:
        """Queues a dispatch for its next attempt, unless it is too old. Raises QueueUnavailable."""
        delay = self.next_delay(attempt.first_at, policy)
        if delay is not None:
            self.outbox.enqueue(self.next_item(attempt, delay), delay)
        return delay is not None

    def _park(self, attempt: Attempt, dispatch: Dispatch, reason: Reason, detail: str) -> None:
        times = {"first_attempt_at": attempt.first_at, "last_attempt_at": self.now()}
        what = {"source": dispatch.source, "dispatch": dispatch, "attempts": attempt.number}
        park(Parked(reason=reason, detail=detail, **what, **times), self.outbox, self.telemetry, self.recorder)
        # OMNI may have taken a message of unknown status, so that one is escalated when its time is over.
        if dispatch.unless_delivered and reason is not Reason.STATUS_UNKNOWN:
            self.outbox.enqueue(QueueItem(watch=Watch.over(dispatch), first_attempt_at=self.now()))

    def _log_deferred(self, attempt: Attempt, deferred: Deferred) -> None:
        if deferred.logged:
            return
        self._log(attempt, policy=deferred.policy, cause=deferred.cause)
        if deferred.policy is Policy.RETRY_ACCOUNT:
            self.telemetry.count("AccountBlocked")

    def _log(self, attempt: Attempt, **outcome: Any) -> None:
        latency_ms = (self.now() - attempt.started).total_seconds() * 1000
        for fields in message_lines(attempt, latency_ms=latency_ms, **outcome):
            self.telemetry.message_status(fields)


def _to_park(receipt: Receipt) -> dict[Reason, Collection[str]]:
    """Returns the ids of messages that a person has to look at, by the reason: a replay treats reasons differently."""
    parts: dict[Reason, list[str]] = {}
    for message_id in receipt.ids(Policy.PARK):
        parts.setdefault(_park_reason(receipt.statuses[message_id]), []).append(message_id)
    return dict(parts)


def _park_reason(status: Status) -> Reason:
    """A status of no group that we know leaves open whether OMNI accepted the message."""
    return Reason.MESSAGES_REJECTED if group_of(status) in GROUPS else Reason.STATUS_UNKNOWN


def _status_names(receipt: Receipt, ids: Collection[str]) -> str:
    return ", ".join(sorted({receipt.statuses[message_id].name for message_id in ids}))


def _describe(error: OmniError) -> str:
    """Names an error for the log, the answer and the parked item. The library's texts hold no secret and no content."""
    return f"{type(error).__name__}: {error}"


def _explanation(error: OmniError, notify_url: str | None) -> str:
    """OMNI's own words, for the parked item only: they may repeat a number or the message, and that item holds both.

    They may also repeat `notify_url`, whose last part is a secret that no item may hold.
    """
    words = error.body.text if isinstance(error, AnswerError) else None
    if words and notify_url:
        words = hide_secret(words, notify_url.rpartition("/")[2])
    return f": {words[: limits.EXPLANATION_CHARS]}" if words else ""
