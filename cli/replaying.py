"""Puts parked items back on the delivery queue: dispatches as they were, events for today's routes."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.outbox import SqsOutbox
from cli.letters import Entry, entry_of
from relay.model.items import Parked, QueueItem, Reason

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from cli.target import Target

HELD_SECONDS = 300  # an item stays hidden that long if the command dies
BATCH = 10  # SQS gives no more at once
QUIET_RECEIVES = 2  # after so many empty answers with nothing new in between, no more items are expected


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items to replay; None means any. `event` and `message` are ids."""

    source: str | None = None
    reason: Reason | None = None
    event: str | None = None
    message: str | None = None

    def takes(self, entry: Entry) -> bool:
        facts = entry.facts
        return (
            self.source in {None, entry.parked.source}
            and self.reason in {None, entry.parked.reason}
            and self.event in {None, *facts.events}
            and self.message in {None, *(one.message_id for one in facts.messages)}
        )


class Fate(StrEnum):
    """The fate of an item in a replay: it goes back, or stays for one of these reasons."""

    GOES = "goes back"
    NOT_CHOSEN = "not chosen"
    UNREADABLE = "nothing in it can go back"
    PARKED_AGAIN = "it was parked again meanwhile"


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
                yield entry_of(message)

    def listed(self, selection: Selection, seen: Callable[[], None]) -> tuple[list[Entry], int]:
        """Gives the chosen items, and the number of the others. `seen` is called for each. All stay visible."""
        found: list[Entry] = []
        try:
            for entry in self.entries():
                found.append(entry)
                seen()
        finally:
            for entry in found:
                self.release(entry)
        chosen = [entry for entry in found if selection.takes(entry)]
        return chosen, len(found) - len(chosen)

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


def dead_letters(
    target: "Target", queue_url: str | None = None, dead_letter_queue_url: str | None = None
) -> DeadLetters:
    """Gives the target's queues. Raises Mistake if its stack doesn't name them."""
    queue = queue_url or target.output("QueueUrl")
    return DeadLetters(target.client("sqs"), queue, dead_letter_queue_url or target.output("DeadLetterQueueUrl"))


@dataclass(frozen=True, slots=True)
class Tally:
    replayed: int
    left: int


def replay(letters: DeadLetters, selection: Selection, *, dry_run: bool, show: Callable[[Entry, Fate], None]) -> Tally:
    """Puts back the items that the selection takes. `show` is told once of each item what happens (or would) to it.

    Items that are parked again meanwhile stay for the next replay, because a broken route would never let this one end.
    """
    replayed = 0
    back: set[tuple[str, ...]] = set()
    kept: list[Entry] = []
    try:
        for entry in letters.entries():
            fate = _fate(entry, selection, back)
            goes = fate is Fate.GOES
            if goes and not dry_run:
                letters.put_back(entry)
                back.update(key for item in entry.items if (key := _key(item)))
            else:
                kept.append(entry)
            show(entry, fate)
            replayed += goes
    finally:
        for entry in kept:
            letters.release(entry)
    return Tally(replayed, len(kept) if not dry_run else len(kept) - replayed)


def _fate(entry: Entry, selection: Selection, back: Collection[tuple[str, ...]]) -> Fate:
    if not selection.takes(entry):
        return Fate.NOT_CHOSEN
    if not entry.items:
        return Fate.UNREADABLE
    return Fate.PARKED_AGAIN if _key(entry.parked) in back else Fate.GOES


def _key(what: Parked | QueueItem) -> tuple[str, ...]:
    """Identifies a dispatch by its id, and an event by its source, id and replay. Nothing else is parked again soon."""
    if what.dispatch:
        return (what.dispatch.id,)
    return (what.event.source, what.event.id, what.event.nonce) if what.event else ()
