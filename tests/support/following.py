"""Judges after a run whether each message was followed to its end, and who was told in place of whom."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.model.records import FINAL_STATES, Record, State
from tests.support.chaos import Course
from tests.support.relay_stack import SECOND, WITHIN, Relay, Sent

_PUBLISHED = {State.DELIVERED: "message.delivered", State.UNREPORTED: "message.unreported"}


@dataclass(frozen=True, slots=True)
class Followed:
    """How many messages ended and how many watched events were escalated, and a text for each that went wrong.

    `unrecorded` counts messages whose records neither the table nor the queue took, which a log line told.
    """

    ended: int
    unrecorded: int
    open: int
    escalated: int
    wrong: list[str]


def await_ends(relay: Relay, seconds: float) -> None:
    """Waits until each end that OMNI knows was told, or until the time is over. The judge tells what is missing."""
    deadline = time.monotonic() + seconds
    while _untold(relay) and time.monotonic() < deadline:
        time.sleep(0.2)


def _untold(relay: Relay) -> list[str]:
    """Returns the ids of the messages whose end OMNI knows and the relay hasn't told yet."""
    records, lost = relay.records(), _unrecorded(relay)
    known = (message["messageId"] for message in relay.messages() if message["report"])
    return [
        message_id
        for message_id in known
        if message_id not in lost and (message_id not in records or not records[message_id].told)
    ]


def _unrecorded(relay: Relay) -> set[str]:
    return {message_id for line in relay.lines(message="record_lost") for message_id in line["message_ids"]}


def judge_following(relay: Relay, course: Course) -> Followed:
    """Compares the records, the bus and the escalations with what the sandbox did."""
    messages, records, published = relay.messages(), relay.records(), _published(relay)
    escalations = Counter(message["text"] for message in messages if message["to"]["phoneNumber"] == SECOND)
    by_text = {message["text"]: message for message in messages if message["to"]["phoneNumber"] != SECOND}
    watched = [event for event in course.acknowledged if event.source.startswith("watched")]
    lost = _unrecorded(relay)
    followed = [message for message in messages if message["messageId"] not in lost]
    wrong = [mistake for message in followed for mistake in _ends(message, records, published)]
    for event in watched:
        wrong += _escalation(event, by_text.get(event.text), escalations, course.posted_at[event.id])
    ended = sum(message["report"] is not None for message in messages)
    return Followed(ended, len(lost), len(messages) - ended, sum(escalations.values()), wrong)


def _published(relay: Relay) -> Mapping[str, set[str]]:
    """Returns the kinds of the events that were published of each message. Copies have the same id and kind."""
    found: dict[str, set[str]] = {}
    for event in relay.published():
        if event["detail-type"].startswith("message."):
            found.setdefault(event["detail"]["id"], set()).add(event["detail-type"])
    return found


def _ends(
    message: Mapping[str, Any], records: Mapping[str, Record], published: Mapping[str, set[str]]
) -> Iterator[str]:
    """Yields what the relay has wrong about a message's end."""
    message_id = message["messageId"]
    group = message["status"]["groupId"]
    state = FINAL_STATES[group] if message["report"] else State.SENT
    record = records.get(message_id)
    if record is None or record.state is not state or record.told is not state.final:
        known = record and (record.state, record.told)
        yield f"{message['text']} ({message_id}): {state} at OMNI, {known} in its record"
    kinds = {_PUBLISHED.get(state, "message.undelivered")} if state.final else set()
    if published.get(message_id, set()) != kinds:
        yield f"{message['text']}: {state}, but the bus got {published.get(message_id)}"


def _escalation(
    event: Sent, message: Mapping[str, Any] | None, escalations: Mapping[str, int], posted_at: float
) -> Iterator[str]:
    """Yields what is wrong with who was told in place of the event's recipient.

    A message that waited in the queue for longer than `within` may be delivered after its escalation.
    """
    count = escalations.get(f"{event.text}, not delivered", 0)
    wanted = {1}
    if message and message["report"] and FINAL_STATES[message["status"]["groupId"]] is State.DELIVERED:
        in_time = _seconds(message["report"]["doneAt"]) < posted_at + WITHIN
        wanted = {0} if in_time else {0, 1}
    if count not in wanted:
        yield f"{event.text} to {event.phones}: escalated {count} times in place of {wanted}"


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
