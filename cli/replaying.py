"""Puts parked items back on the delivery queue: dispatches as they were, events for today's routes."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from aws.outbox import SqsOutbox
from relay.model.items import Parked, QueueItem, Reason
from relay.problems import InvalidBody
from relay.receive.schedules import events_of, firing_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HELD_SECONDS = 300  # an item stays hidden that long if the command dies
BATCH = 10  # SQS gives no more at once
QUIET_RECEIVES = 2  # after so many empty answers with nothing new in between, no more items are expected


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items to replay; None means any."""

    source: str | None = None
    reason: Reason | None = None

    def takes(self, parked: Parked) -> bool:
        return self.source in {None, parked.source} and self.reason in {None, parked.reason}


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of the dead-letter queue. `items` go back to the delivery queue; it is empty if nothing can."""

    parked: Parked
    items: tuple[QueueItem, ...]
    message_id: str
    receipt_handle: str


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The two queues of a replay. SQS looks for more items on all its servers for `wait_seconds`."""

    client: "SQSClient"
    queue_url: str
    dead_letter_queue_url: str
    wait_seconds: int = 1

    def __len__(self) -> int:
        """Gives the number of items as SQS counts them, which is approximate."""
        answer = self.client.get_queue_attributes(
            QueueUrl=self.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def entries(self) -> Iterator[Entry]:
        """Gives each item once. It is hidden from other readers until it is put back or released."""
        seen: set[str] = set()
        empty = repeated = 0
        while empty < QUIET_RECEIVES and repeated <= len(seen):
            answer = self.client.receive_message(
                QueueUrl=self.dead_letter_queue_url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=HELD_SECONDS,
                WaitTimeSeconds=self.wait_seconds,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
            messages = answer.get("Messages", [])
            fresh = [m for m in messages if m["MessageId"] not in seen]
            # If reading the queue takes longer than items are held, some come again, and others may be behind them.
            empty, repeated = (0, 0) if fresh else (empty + (not messages), repeated + len(messages))
            for message in fresh:
                seen.add(message["MessageId"])
                yield _entry(message)

    def put_back(self, entry: Entry) -> None:
        """Queues the item, then deletes the dead letter. If it dies in between, repeated ids are recognised."""
        if not entry.items:
            raise ValueError("nothing in this item can be replayed")
        outbox = SqsOutbox(self.client, self.queue_url, self.dead_letter_queue_url)
        for item in entry.items:
            outbox.enqueue(item)
        self.client.delete_message(QueueUrl=self.dead_letter_queue_url, ReceiptHandle=entry.receipt_handle)

    def release(self, entry: Entry) -> None:
        """Leaves the item where it is and makes it visible at once; if SQS can't, it becomes visible after a while."""
        with suppress(ClientError):  # its hold has lapsed, so it is visible
            self.client.change_message_visibility(
                QueueUrl=self.dead_letter_queue_url, ReceiptHandle=entry.receipt_handle, VisibilityTimeout=0
            )


@dataclass(frozen=True, slots=True)
class Tally:
    replayed: int
    left: int


def replay(letters: DeadLetters, selection: Selection, *, dry_run: bool, show: Callable[[Entry, bool], None]) -> Tally:
    """Puts back the items that the selection takes. `show` is told of each item, and if it goes (or would go) back.

    Items that are parked again meanwhile stay for the next replay, because a broken route would never let this one end.
    """
    replayed = 0
    back: set[tuple[str, ...]] = set()
    kept: list[Entry] = []
    try:
        for entry in letters.entries():
            goes = bool(entry.items) and selection.takes(entry.parked) and _key(entry.parked) not in back
            show(entry, goes)
            replayed += goes
            if goes and not dry_run:
                letters.put_back(entry)
                back.update(key for item in entry.items if (key := _key(item)))
            else:
                kept.append(entry)
    finally:
        for entry in kept:
            letters.release(entry)
    return Tally(replayed, len(kept) if not dry_run else len(kept) - replayed)


def _key(what: Parked | QueueItem) -> tuple[str, ...]:
    """Identifies a dispatch by its id, and an event by its source, id and replay. Nothing else is parked again soon."""
    if what.dispatch:
        return (what.dispatch.id,)
    return (what.event.source, what.event.id, what.event.nonce) if what.event else ()


def _entry(message: "MessageTypeDef") -> Entry:
    """Reads an item that we parked, or one that AWS moved here because its function never finished with it."""
    try:
        parked = Parked.model_validate_json(message["Body"])
    except ValidationError:
        parked, items = _moved(message)
    else:
        item = parked.replayed(datetime.now(UTC))
        items = (item,) if item else ()
    return Entry(parked, items, message["MessageId"], message["ReceiptHandle"])


def _moved(message: "MessageTypeDef") -> tuple[Parked, tuple[QueueItem, ...]]:
    """Reads an item that AWS moved: a queue item (SQS), a schedule's input (Scheduler), or a record of one (Lambda)."""
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    items = _items(message["Body"], message["MessageId"], sent_at)
    known = items[0].dispatch or items[0].event or items[0].watch if items else None
    parked = Parked(
        reason=Reason.ATTEMPTS_EXHAUSTED if items else Reason.MALFORMED_ITEM,
        detail="moved by AWS: its function never finished with it",
        source=known.source if known else "",
        raw=message["Body"],
        attempts=int(message["Attributes"]["ApproximateReceiveCount"]),
        first_attempt_at=items[0].first_attempt_at if items else sent_at,
        last_attempt_at=sent_at,
    )
    afresh = {"attempts": 0, "first_attempt_at": datetime.now(UTC)}
    return parked, tuple(item.model_copy(update=afresh) for item in items)


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
