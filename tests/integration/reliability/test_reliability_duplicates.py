"""However the copies of an event arrive, they cause one message and get the same answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.support.relay_stack import OTHERS, PHONE, Relay, Sent

Wait = Callable[..., Any]
SOURCES = pytest.mark.parametrize("source", ["direct", "queued"])


def at_once(relay: Relay, event: Sent, copies: int = 20) -> list[int]:
    with ThreadPoolExecutor(copies) as senders:
        return [answer.status for answer in senders.map(relay.post, [event] * copies)]


@SOURCES
def test_copies_one_after_the_other_are_one_message(relay: Relay, eventually: Wait, source: str) -> None:
    event = relay.event(source=source)
    first = relay.post(event)
    later = [relay.post(event) for _ in range(3)]
    assert not first.content.get("duplicate")
    assert all(answer.content["duplicate"] for answer in later)
    assert {(answer.status, answer.outcome) for answer in later} == {(first.status, first.outcome)}
    if source == "direct":
        assert all(answer.content["messages"] == first.content["messages"] for answer in later)
    eventually(lambda: relay.waiting() == 0)
    assert (len(relay.messages(event)), relay.sends) == (1, 1)


@SOURCES
def test_twenty_copies_at_once_are_sent_once(relay: Relay, eventually: Wait, source: str) -> None:
    event = relay.event(PHONE, *OTHERS, source=source)
    statuses = at_once(relay, event)
    assert set(statuses) <= {200, 202, 409}
    assert set(statuses) & {200, 202}
    eventually(lambda: relay.waiting() == 0)
    assert (len(relay.messages(event)), relay.sends) == (3, 1)


def test_a_copy_that_follows_a_failed_send_is_sent_at_once_and_the_retry_sends_nothing(
    relay: Relay, eventually: Wait
) -> None:
    event = relay.event()
    relay.omni_fails({"kind": "status", "status": 503, "headers": {"Retry-After": "4"}})
    assert relay.post(event).outcome == "queued"
    assert relay.post(event).outcome == "sent"
    eventually(lambda: relay.waiting() == 0)
    assert (len(relay.messages(event)), relay.sends) == (1, 2)


def test_copies_at_once_while_omni_loses_its_answers_are_one_message(relay: Relay, eventually: Wait) -> None:
    event = relay.event()
    relay.omni_fails({"kind": "timeout", "after": "accept", "count": 2})
    assert set(at_once(relay, event, 10)) <= {200, 202, 409}
    eventually(lambda: relay.waiting() == 0, 30)
    assert len(relay.messages(event)) == 1


@pytest.mark.parametrize("first", ["direct", "queued"])
def test_a_copy_that_comes_after_the_source_changed_its_delivery_is_not_sent_again(
    relay: Relay, eventually: Wait, first: str
) -> None:
    event = relay.event(source="changing")
    second = {"direct": "queued", "queued": "direct"}[first]
    for delivery in (first, second, first):
        relay.change_source("changing", delivery)
        eventually(partial(_is_delivered, relay, delivery))
        assert relay.post(event).status in {200, 202}
        eventually(lambda: relay.waiting() == 0)
    assert len(relay.messages(event)) == 1
    assert len([line for line in relay.lines() if line["event_id"] == event.id]) == 1


def _is_delivered(relay: Relay, delivery: str) -> bool:
    outcome = relay.post(relay.event(source="changing")).outcome
    return outcome == {"direct": "sent", "queued": "queued"}[delivery]
