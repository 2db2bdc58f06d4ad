"""If DynamoDB, SQS or SSM is unreachable, alone or together, each acknowledged event is still sent once.

The relay refuses an event if it can make nothing durable.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.proxies import Reachability
from tests.support.relay_stack import BLOCKLISTED, Answer, Relay, Sent

Wait = Callable[..., Any]
WAYS = pytest.mark.parametrize(
    ("source", "how"),
    [("direct", Reachability.REFUSE), ("direct", Reachability.HANG), ("queued", Reachability.RESET)],
)
SOURCES = pytest.mark.parametrize("source", ["direct", "queued"])


def delivered(relay: Relay, eventually: Wait, *events: Any) -> None:
    """Makes everything reachable, then checks that each event becomes one message and that nothing is parked."""
    relay.reachable()
    eventually(lambda: relay.waiting() == 0, 40)
    assert [len(relay.messages(event)) for event in events] == [1] * len(events)
    assert relay.parked() == []


@WAYS
def test_without_the_table_nothing_is_sent_and_all_is_queued(
    relay: Relay, eventually: Wait, source: str, how: Reachability
) -> None:
    event = relay.event(source=source)
    relay.unreachable("dynamodb", how=how)
    answer = relay.post(event)
    assert (answer.status, answer.outcome) == (202, "queued")
    assert relay.sends == 0
    delivered(relay, eventually, event)
    assert relay.sends == 1


def test_copies_that_come_while_the_table_is_gone_are_sent_once(relay: Relay, eventually: Wait) -> None:
    event = relay.event()
    relay.unreachable("dynamodb")
    assert [relay.post(event).status for _ in range(5)] == [202] * 5
    delivered(relay, eventually, event)
    assert relay.sends == 1


@WAYS
def test_without_the_queue_events_are_sent_directly(
    relay: Relay, eventually: Wait, source: str, how: Reachability
) -> None:
    event = relay.event(source=source)
    relay.unreachable("sqs", how=how)
    answer = relay.post(event)
    assert (answer.status, answer.outcome) == (200, "sent")
    delivered(relay, eventually, event)


@SOURCES
def test_without_the_queue_an_event_that_can_not_be_sent_is_not_acknowledged(
    relay: Relay, eventually: Wait, source: str
) -> None:
    event = relay.event(source=source)
    relay.unreachable("sqs")
    relay.omni_fails({"kind": "timeout", "after": "accept"})
    answer = relay.post(event)
    assert answer.status == 503
    assert relay.post(event).outcome == "sent"
    delivered(relay, eventually, event)


def test_without_the_queue_an_event_that_must_be_parked_is_not_acknowledged(relay: Relay) -> None:
    refused, broken = relay.event(BLOCKLISTED), relay.event(broken=True)
    relay.unreachable("sqs")
    assert [relay.post(event).status for event in (refused, broken)] == [503, 503]
    relay.reachable()
    assert [relay.post(event).outcome for event in (refused, broken)] == ["parked", "parked"]
    assert len(relay.parked()) == 2
    assert len(relay.messages(broken)) == 1  # the other route sent it at the first post


@WAYS
def test_without_the_parameters_the_last_good_ones_serve(
    relay: Relay, eventually: Wait, source: str, how: Reachability
) -> None:
    warm, event = relay.event(source=source), relay.event(source=source)
    expected = (200, "sent") if source == "direct" else (202, "queued")
    relay.stack.replace_processes("WebhookFunction")  # only one process is left, so no cold one takes the event
    relay.post(warm)
    eventually(lambda: relay.waiting() == 0)
    relay.unreachable("ssm", how=how)

    def stale() -> bool:
        answer = relay.post(relay.event(source=source))
        assert (answer.status, answer.outcome) == expected
        return "ConfigurationStale" in relay.metrics()

    eventually(stale, 20)
    answer = relay.post(event)
    assert (answer.status, answer.outcome) == expected
    delivered(relay, eventually, warm, event)


def test_without_the_parameters_a_cold_function_acknowledges_nothing(relay: Relay, eventually: Wait) -> None:
    event = relay.event()
    relay.unreachable("ssm")
    relay.stack.replace_processes("WebhookFunction")
    answer = relay.post(event)
    assert answer.status == 503
    assert relay.sends == 0
    relay.reachable()
    assert eventually(lambda: _acknowledged(relay, event)).outcome == "sent"
    delivered(relay, eventually, event)


def _acknowledged(relay: Relay, event: Sent) -> Answer | None:
    """Posts the event, and returns the answer if it is a 2xx. A process keeps a failure to read SSM for a second."""
    answer = relay.post(event)
    return answer if answer.status < 300 else None


def test_a_cold_delivery_without_the_parameters_waits(relay: Relay, eventually: Wait) -> None:
    event = relay.event(source="queued")
    relay.stack.replace_processes("DeliveryFunction")
    relay.omni_recovers()
    assert relay.post(relay.event(source="direct")).outcome == "sent"
    relay.unreachable("ssm")
    assert relay.post(event).status in {202, 503}
    relay.reachable()
    eventually(lambda: _acknowledged(relay, event))
    delivered(relay, eventually, event)


@SOURCES
@pytest.mark.parametrize(
    "services", [("dynamodb", "sqs"), pytest.param(("dynamodb", "sqs", "ssm"), marks=pytest.mark.slow)], ids="+".join
)
def test_without_table_and_queue_nothing_is_sent_and_nothing_acknowledged(
    relay: Relay, eventually: Wait, source: str, services: tuple[str, ...]
) -> None:
    event = relay.event(source=source)
    relay.unreachable(*services)
    answers = [relay.post(event) for _ in range(3)]
    assert [answer.status for answer in answers] == [503] * 3
    assert {answer.content["title"] for answer in answers} == {"The event could not be made durable; send it again"}
    assert relay.sends == 0
    relay.reachable()
    assert eventually(lambda: _acknowledged(relay, event))
    delivered(relay, eventually, event)
    assert relay.sends == 1


def test_if_the_table_fails_while_omni_answers_omni_recognises_the_copy(relay: Relay, eventually: Wait) -> None:
    event = relay.event()
    relay.omni_fails({"kind": "delay", "delayMs": 1200, "after": "accept"})
    with relay.posting(event) as answer:
        eventually(lambda: relay.sends == 1)
        relay.unreachable("dynamodb")
    assert answer.result().outcome == "sent"
    assert relay.lines(message="result_not_recorded")
    relay.reachable()
    late = eventually(lambda: relay.settled(event))
    assert late.content["messages"][0]["status"]["name"] == "REJECTED_DUPLICATE_MESSAGE_ID"
    delivered(relay, eventually, event)
