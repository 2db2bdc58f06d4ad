"""Writes down each message that OMNI took or that is parked. A failed write fails no send, and is made up for later."""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from omni.statuses import REJECTED, group_of
from relay import limits
from relay.model.dispatches import Dispatch
from relay.model.items import Parked, QueueItem
from relay.model.receipts import Receipt
from relay.model.records import Record, State, shown_status
from relay.ports import BusUnavailable, EventBus, Outbox, QueueUnavailable, Records, RecordsUnavailable, Telemetry
from relay.redaction import masked_addresses

PER_ITEM = 25  # records in one item of the queue, which has room for them with their content
AT_ONCE = 5  # conditional writes on the way of a message; each is a call, so more go to the queue


def address_hash(key: str, address: str) -> str:
    """Returns what finds the messages of a phone number (digits only) or an email address."""
    return hmac.new(key.encode(), address.lower().encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Recorder:
    """Keeps the records of messages.

    Attributes:
        hash_key: returns the secret of `address_hash`, or None while there is none.
        keep_content: whether a record holds what was sent.
    """

    records: Records
    outbox: Outbox
    bus: EventBus
    telemetry: Telemetry
    now: Callable[[], datetime]
    hash_key: Callable[[], str | None]
    keep_content: bool

    def sent(self, dispatch: Dispatch, receipt: Receipt, ids: Collection[str], attempt: int) -> None:
        """Records the messages with these ids, which OMNI took. Never raises."""
        fresh: list[Record] = []
        repeated: list[Record] = []
        for record in self._records(dispatch, ids, State.SENT, attempt, statuses=receipt.statuses):
            # OMNI says "duplicate" of a message that it took before, which may have come to its end by now.
            seen_before = group_of(receipt.statuses[record.message_id]) == REJECTED
            (repeated if seen_before else fresh).append(record)
        if fresh:
            self._store(fresh, partial(self.records.put, fresh=True))
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
        try:
            self.bus.publish([("event.parked", known)])
        except BusUnavailable:
            self.telemetry.log("warning", "event_not_published", type="event.parked", **known)

    def _records(
        self, dispatch: Dispatch, ids: Collection[str], state: State, attempt: int, **outcome: Any
    ) -> Iterator[Record]:
        key, now = self.hash_key(), self.now()
        statuses, detail = outcome.get("statuses") or {}, outcome.get("detail")
        content = dispatch.content.model_dump(mode="json", exclude_none=True) if self.keep_content else None
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
                at=now,
                state=state,
                status=shown_status(status) if status else None,
                detail=detail,
                unless_delivered=dispatch.unless_delivered,
                content=content,
            )

    def _store_carefully(self, records: Sequence[Record]) -> None:
        if len(records) > AT_ONCE:
            self._queue(records)
        elif records:
            self._store(records, self.records.put)

    def _store(self, records: Sequence[Record], put: Callable[[Sequence[Record]], None]) -> None:
        try:
            put(records)
        except RecordsUnavailable:
            self.telemetry.count("RecordsLate", len(records))
            self._queue(records)

    def _queue(self, records: Sequence[Record]) -> None:
        """Leaves the writing to DeliveryFunction. What the queue doesn't take either is lost; its log lines remain."""
        for start in range(0, len(records), PER_ITEM):
            part = tuple(records[start : start + PER_ITEM])
            try:
                self.outbox.enqueue(QueueItem(records=part, first_attempt_at=self.now()))
            except QueueUnavailable:
                tell_lost(records[start:], self.telemetry)
                return


def tell_lost(records: Sequence[Record], telemetry: Telemetry) -> None:
    """Logs and counts records that nothing could store."""
    telemetry.count("RecordsLost", len(records))
    ids: Mapping[str, Any] = {"message_ids": [record.message_id for record in records[: limits.DISPATCHES_TOLD]]}
    telemetry.log("error", "record_lost", messages=len(records), **ids)
