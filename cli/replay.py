"""Puts what is parked back on the delivery queue: dispatches as they were, events for today's routes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from relay.parking import Parked, Reason
from relay.queueing import QueueItem

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HELD_SECONDS = 300  # what was looked at stays hidden that long, should the command die
BATCH = 10  # SQS gives no more at once
QUIET_RECEIVES = 2  # so many empty answers in a row, and the queue is taken to be through


@dataclass(frozen=True, slots=True)
class Selection:
    """What to replay; None means any."""

    source: str | None = None
    reason: Reason | None = None

    def takes(self, parked: Parked) -> bool:
        return self.source in {None, parked.source} and self.reason in {None, parked.reason}


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of the dead-letter queue. `item` is what goes back; None where nothing can."""

    parked: Parked
    item: QueueItem | None
    message_id: str
    receipt_handle: str


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The two queues, as a replay sees them."""

    client: "SQSClient"
    queue_url: str
    dead_letter_queue_url: str

    def __len__(self) -> int:
        """About how many there are, as SQS counts."""
        answer = self.client.get_queue_attributes(
            QueueUrl=self.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def entries(self) -> Iterator[Entry]:
        """Each item once, hidden from others until it is put back or released."""
        seen: set[str] = set()
        quiet = 0
        while quiet < QUIET_RECEIVES:
            answer = self.client.receive_message(
                QueueUrl=self.dead_letter_queue_url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=HELD_SECONDS,
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
            fresh = [m for m in answer.get("Messages", []) if m["MessageId"] not in seen]
            quiet = 0 if fresh else quiet + 1
            for message in fresh:
                seen.add(message["MessageId"])
                yield _entry(message)

    def put_back(self, entry: Entry) -> None:
        """Queues it, then takes it off the dead letters; dying in between repeats ids, which are recognised."""
        if entry.item is None:
            raise ValueError("nothing in this item can be replayed")
        body = entry.item.model_dump_json(by_alias=True, exclude_none=True)
        self.client.send_message(QueueUrl=self.queue_url, MessageBody=body)
        self.client.delete_message(QueueUrl=self.dead_letter_queue_url, ReceiptHandle=entry.receipt_handle)

    def release(self, entry: Entry) -> None:
        """Leaves it where it is, visible at once."""
        self.client.change_message_visibility(
            QueueUrl=self.dead_letter_queue_url, ReceiptHandle=entry.receipt_handle, VisibilityTimeout=0
        )


@dataclass(frozen=True, slots=True)
class Tally:
    replayed: int
    left: int


def replay(letters: DeadLetters, selection: Selection, *, dry_run: bool, show: Callable[[Entry, bool], None]) -> Tally:
    """Puts back what the selection takes; `show` hears of each item, and whether it goes (or would go) back.

    What is parked again meanwhile stays for the next replay: else an unmended route would keep this one busy for ever.
    """
    replayed = 0
    back: set[tuple[str, ...]] = set()
    kept: list[Entry] = []
    try:
        for entry in letters.entries():
            goes = entry.item is not None and selection.takes(entry.parked) and _key(entry.parked) not in back
            show(entry, goes)
            replayed += goes
            if goes and not dry_run:
                letters.put_back(entry)
                back.add(_key(entry.item))
            else:
                kept.append(entry)
    finally:
        for entry in kept:
            letters.release(entry)
    return Tally(replayed, len(kept) if not dry_run else len(kept) - replayed)


def _key(what: Parked | QueueItem | None) -> tuple[str, ...]:
    """What tells items apart: a dispatch by its id, an event by its replay, too."""
    if what and what.dispatch:
        return (what.dispatch.id,)
    return (what.event.source, what.event.id, what.event.nonce) if what and what.event else ()


def _entry(message: "MessageTypeDef") -> Entry:
    parked = _parked(message["Body"], message)
    item = parked.replayed(datetime.now(UTC))
    return Entry(parked, item, message["MessageId"], message["ReceiptHandle"])


def _parked(body: str, message: "MessageTypeDef") -> Parked:
    """What we parked, or what SQS moved here by itself because its function died of it again and again."""
    try:
        return Parked.model_validate_json(body)
    except ValidationError:
        pass
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    receives = int(message["Attributes"]["ApproximateReceiveCount"])
    try:
        item = QueueItem.model_validate_json(body)
    except ValidationError:
        item = QueueItem.model_construct(first_attempt_at=sent_at)
    known = item.dispatch or item.event
    return Parked(
        reason=Reason.ATTEMPTS_EXHAUSTED if known else Reason.MALFORMED_ITEM,
        detail="moved by SQS: its function never finished with it",
        source=known.source if known else "",
        dispatch=item.dispatch,
        event=item.event,
        raw=None if known else body,
        attempts=receives,
        first_attempt_at=item.first_attempt_at,
        last_attempt_at=sent_at,
    )
