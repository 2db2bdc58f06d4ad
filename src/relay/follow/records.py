"""Writes down each message that OMNI took or that is parked. A failed write fails no send, and is made up for later."""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from omni.statuses import REJECTED, group_of
from relay import limits
from relay.model.dispatches import Dispatch, Step
from relay.model.items import Parked, QueueItem, Reason
from relay.model.receipts import Receipt
from relay.model.records import Record, State, shown_status
from relay.ports import BusUnavailable, EventBus, Outbox, QueueUnavailable, Records, RecordsUnavailable, Telemetry
from relay.redaction import masked_addresses

PER_CALL = 25  # records that one call of the table writes, if nothing must be checked
AT_ONCE = 5  # conditional writes on the way of a message; each is a call, so more go to the queue
PER_ITEM = 50  # records in one item of the queue; DeliveryFunction has 60 s to write them one by one
# SQS takes 1 MiB. A character that it can't hold takes six bytes in place of three.
ITEM_BYTES = 500_000
RECORD_BYTES = 300_000  # of the steps and the content; DynamoDB takes 400 KB
CALL_SECONDS = 1.5  # a call of the table or of the bus ends within 1 s, and what failed must be queued after it
QUEUE_SECONDS = 0.5  # the queue usually answers much sooner; what is stopped in the middle is sent again


def address_hash(key: str, address: str) -> str:
    """Returns what finds the messages of a phone number (digits only) or an email address."""
    return hmac.new(key.encode(), address.lower().encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Recorder:
    """Keeps the records of messages.

    Attributes:
        hash_key: returns the secret of `address_hash`, or None while there is none.
        keep_content: whether a record holds what was sent.
        follows: whether OMNI is asked what became of messages.
        remaining: returns the seconds until the function is stopped.
    """

    records: Records
    outbox: Outbox
    bus: EventBus
    telemetry: Telemetry
    now: Callable[[], datetime]
    hash_key: Callable[[], str | None]
    keep_content: bool
    follows: bool
    remaining: Callable[[], float]

    def sent(self, dispatch: Dispatch, receipt: Receipt, ids: Collection[str], attempt: int) -> None:
        """Records the messages with these ids, which OMNI took. Never raises."""
        fresh: list[Record] = []
        repeated: list[Record] = []
        for record in self._records(dispatch, ids, State.SENT, attempt, statuses=receipt.statuses):
            # OMNI says "duplicate" of a message that it took before, which may have come to its end by now.
            seen_before = group_of(receipt.statuses[record.message_id]) == REJECTED
            (repeated if seen_before else fresh).append(record)
        self._store(fresh, fresh=True)
        self._store_carefully(repeated)

    def parked(self, parked: Parked) -> None:
        """Records the messages of what was parked, and publishes `event.parked`. Never raises."""
        known: dict[str, Any] = {"reason": parked.reason, "source": parked.source, "attempts": parked.attempts}
        if parked.dispatch:
            dispatch, ids = parked.dispatch, [message.message_id for message in parked.dispatch.messages]
            self._store_carefully(
                list(self._records(dispatch, ids, State.PARKED, parked.attempts, detail=parked.reason))
            )
            known |= {"event_id": dispatch.event_id, "route": dispatch.route, "dispatch_id": dispatch.id}
            known |= {"messages": len(ids), "message_ids": ids[: limits.DISPATCHES_TOLD]}
        elif parked.event:
            known |= {"event_id": parked.event.id}
        if not self._published("event.parked", known):
            self.telemetry.log("warning", "event_not_published", type="event.parked", **known)

    def _published(self, kind: str, detail: Mapping[str, Any]) -> bool:
        if self.remaining() < CALL_SECONDS:
            return False
        try:
            self.bus.publish([(kind, detail)])
        except BusUnavailable:
            return False
        return True

    def _records(
        self, dispatch: Dispatch, ids: Collection[str], state: State, attempt: int, **outcome: Any
    ) -> Iterator[Record]:
        key, now = self.hash_key(), self.now()
        statuses, detail = outcome.get("statuses") or {}, outcome.get("detail")
        # A parked message isn't awaited, and it was escalated. But OMNI may carry one of unknown status.
        awaited = self.follows and (state is State.SENT or detail == Reason.STATUS_UNKNOWN)
        at = max(now, dispatch.content.send_at or now) if awaited else now
        steps, content = self._kept(dispatch, awaited=awaited)
        for message in dispatch.messages:
            if message.message_id not in ids:
                continue
            status = statuses.get(message.message_id)
            yield Record(
                message_id=message.message_id,
                event_id=dispatch.event_id,
                source=dispatch.source,
                route=dispatch.route,
                scenario=dispatch.content.scenario,
                dispatch_id=dispatch.id,
                to=masked_addresses(message.phone, message.email),
                phone_hash=address_hash(key, message.phone) if key and message.phone else None,
                email_hash=address_hash(key, message.email) if key and message.email else None,
                attempt=attempt,
                at=at,
                state=state,
                awaited=awaited,
                status=shown_status(status) if status else None,
                detail=detail,
                unless_delivered=steps,
                content=content,
            )

    def _kept(self, dispatch: Dispatch, *, awaited: bool) -> tuple[tuple[Step, ...], dict[str, Any] | None]:
        """Returns the steps and the content that a record has room for. The watch has the steps in any case."""
        steps = dispatch.unless_delivered if awaited else ()
        content = dispatch.content.model_dump(mode="json", exclude_none=True) if self.keep_content else None
        room = RECORD_BYTES - sum(len(step.model_dump_json().encode()) for step in steps)
        if room < 0:
            steps, room = (), RECORD_BYTES
        if content and len(dispatch.content.model_dump_json(exclude_none=True).encode()) > room:
            content = None
        return steps, content

    def _store_carefully(self, records: Sequence[Record]) -> None:
        if len(records) > AT_ONCE:
            self._queue(records)
        else:
            self._store(records, fresh=False)

    def _store(self, records: Sequence[Record], *, fresh: bool) -> None:
        """Writes records, call by call. Queues the others after a failure, or when too little time is left."""
        size = PER_CALL if fresh else 1
        for start in range(0, len(records), size):
            if not self._written(records[start : start + size], fresh=fresh):
                self.telemetry.count("RecordsLate", len(records) - start)
                self._queue(records[start:])
                return

    def _written(self, records: Sequence[Record], *, fresh: bool) -> bool:
        if self.remaining() < CALL_SECONDS:
            return False
        try:
            self.records.put(records, fresh=fresh)
        except RecordsUnavailable:
            return False
        return True

    def _queue(self, records: Sequence[Record]) -> None:
        """Leaves the writing to DeliveryFunction. What the queue doesn't take either is lost; its log lines remain."""
        queued = 0
        for part in _parts(records):
            if not self._queued(part):
                tell_lost(records[queued:], self.telemetry)
                return
            queued += len(part)

    def _queued(self, records: tuple[Record, ...]) -> bool:
        if self.remaining() < QUEUE_SECONDS:
            return False
        try:
            self.outbox.enqueue(QueueItem(records=records, first_attempt_at=self.now()))
        except QueueUnavailable:
            return False
        return True


def _parts(records: Sequence[Record]) -> Iterator[tuple[Record, ...]]:
    """Yields the records in parts that one item of the queue holds."""
    part: list[Record] = []
    size = 0
    for record in records:
        added = len(record.model_dump_json(exclude_none=True).encode())
        if part and (len(part) == PER_ITEM or size + added > ITEM_BYTES):
            yield tuple(part)
            part, size = [], 0
        part.append(record)
        size += added
    if part:
        yield tuple(part)


def tell_lost(records: Sequence[Record], telemetry: Telemetry) -> None:
    """Logs and counts records that nothing could store."""
    telemetry.count("RecordsLost", len(records))
    ids: Mapping[str, Any] = {"message_ids": [record.message_id for record in records[: limits.DISPATCHES_TOLD]]}
    telemetry.log("error", "record_lost", messages=len(records), **ids)
