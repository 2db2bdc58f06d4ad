"""Reads dead letters: items that we parked, and items that AWS moved here because their function never finished."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from relay.model.items import Parked, QueueItem, Reason
from relay.problems import InvalidBody
from relay.receive.schedules import events_of, firing_of
from relay.redaction import masked_addresses

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


@dataclass(frozen=True, slots=True)
class Addressee:
    """One message: its id, and the masked addresses of its recipient. A watch knows none."""

    message_id: str
    to: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """The content of a dead letter. `kind` is `dispatch`, `event`, `watch`, `records` or `unreadable`."""

    kind: str
    events: tuple[str, ...] = ()
    route: str | None = None
    messages: tuple[Addressee, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of the dead-letter queue. `items` go back to the delivery queue; it is empty if nothing can."""

    parked: Parked
    items: tuple[QueueItem, ...]
    message_id: str
    receipt_handle: str

    @property
    def held(self) -> tuple[QueueItem, ...]:
        """Returns the parked content, under the ids that it has now. A replay gives rejected messages new ones."""
        dispatch, event = self.parked.dispatch, self.parked.event
        if not (dispatch or event):
            return self.items
        what = {"dispatch": dispatch} if dispatch else {"event": event}
        return (QueueItem(first_attempt_at=self.parked.first_attempt_at, **what),)

    @property
    def facts(self) -> Facts:
        if not self.held:
            return Facts("unreadable")
        item = self.held[0]
        if item.event:
            return Facts("event", tuple(one.event.id for one in self.held if one.event))
        if item.dispatch:
            to = (Addressee(one.message_id, masked_addresses(one.phone, one.email)) for one in item.dispatch.messages)
            return Facts("dispatch", (item.dispatch.event_id,), item.dispatch.route, tuple(to))
        return _followed(item)


def entry_of(message: "MessageTypeDef") -> Entry:
    try:
        parked = Parked.model_validate_json(message["Body"])
    except ValidationError:
        parked, items = _moved(message)
    else:
        item = parked.replayed(datetime.now(UTC))
        items = (item,) if item else ()
    return Entry(parked, items, message["MessageId"], message["ReceiptHandle"])


def _followed(item: QueueItem) -> Facts:
    if item.watch:
        watched = tuple(Addressee(message_id, {}) for message_id in item.watch.message_ids)
        return Facts("watch", (item.watch.event_id,), item.watch.route, watched)
    records = item.records or ()
    events = tuple(dict.fromkeys(record.event_id for record in records))
    messages = tuple(Addressee(record.message_id, record.to) for record in records)
    return Facts("records", events, records[0].route if records else None, messages)


def _moved(message: "MessageTypeDef") -> tuple[Parked, tuple[QueueItem, ...]]:
    """Reads an item that AWS moved: a queue item (SQS), a schedule's input (Scheduler), or a record of one (Lambda)."""
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    items = _items(message["Body"], message["MessageId"], sent_at)
    parked = Parked(
        reason=Reason.ATTEMPTS_EXHAUSTED if items else Reason.MALFORMED_ITEM,
        detail="moved by AWS: its function never finished with it",
        source=_source(items[0]) if items else "",
        raw=message["Body"],
        attempts=int(message["Attributes"]["ApproximateReceiveCount"]),
        first_attempt_at=items[0].first_attempt_at if items else sent_at,
        last_attempt_at=sent_at,
    )
    afresh = {"attempts": 0, "first_attempt_at": datetime.now(UTC)}
    return parked, tuple(item.model_copy(update=afresh) for item in items)


def _source(item: QueueItem) -> str:
    known = item.dispatch or item.event or item.watch or next(iter(item.records or ()), None)
    return known.source if known else ""


def _items(body: str, message_id: str, sent_at: datetime) -> tuple[QueueItem, ...]:
    try:
        return (QueueItem.model_validate_json(body),)
    except ValidationError:
        pass
    try:
        payload = json.loads(body)
        request_id = message_id
        if isinstance(payload, dict) and "firstAttemptAt" in payload:
            return ()  # a queue item that can't be read: its `event` must not be taken for a schedule's
        if isinstance(payload, dict) and "requestPayload" in payload:
            request_id = payload["requestContext"]["requestId"]
            payload = payload["requestPayload"]
        events = events_of(firing_of(payload, request_id), sent_at)
    except (ValueError, LookupError, TypeError, InvalidBody):
        return ()
    return tuple(QueueItem(event=event, first_attempt_at=sent_at) for event in events)
