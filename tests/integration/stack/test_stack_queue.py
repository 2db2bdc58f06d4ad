"""Queues are polled, retried and dead-lettered as Lambda's event source mapping and SQS do it."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from sandbox.stack.stack import Stack
from tests.support.proxies import ProxiedStack, Reachability

Seen = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def sqs(tiny: Stack) -> Any:
    return tiny.client("sqs")


@pytest.fixture
def send(tiny: Stack, sqs: Any) -> Callable[..., str]:
    """Puts a message in the queue. `told` says what the function does with it."""

    def send(**told: Any) -> str:
        name = uuid4().hex
        body = json.dumps({"name": name, **told})
        attribute = {"kind": {"StringValue": "test", "DataType": "String"}}
        sqs.send_message(QueueUrl=tiny.queue_url("Queue"), MessageBody=body, MessageAttributes=attribute)
        return name

    return send


@pytest.fixture
def seen(tiny: Stack) -> Seen:
    """The function's log lines about a message, oldest first."""

    def seen(name: str) -> list[dict[str, Any]]:
        return [r for r in tiny.log_records("BatchFunction") if r.get("seen", {}).get("name") == name]

    return seen


def waiting(tiny: Stack, sqs: Any, queue: str) -> int:
    """Messages in a queue, in flight or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = sqs.get_queue_attributes(QueueUrl=tiny.queue_url(queue), AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def test_a_message_reaches_the_function_as_sqs_describes_it_and_is_deleted(
    tiny: Stack, sqs: Any, send: Callable[..., str], seen: Seen, eventually: Callable[..., Any]
) -> None:
    name = send()
    (line,) = eventually(lambda: seen(name))
    record = line["record"]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(":omni-relay-local-Queue")
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["kind"]["stringValue"] == "test"
    assert {"messageId", "receiptHandle", "md5OfBody", "awsRegion"} <= record.keys()
    eventually(lambda: waiting(tiny, sqs, "Queue") == 0)


def test_only_the_failures_of_a_batch_come_again_after_the_visibility_timeout(
    send: Callable[..., str], seen: Seen, eventually: Callable[..., Any]
) -> None:
    good, bad = send(), send(fail=True)
    first, second = eventually(lambda: len(seen(bad)) > 1 and seen(bad))
    assert second["at"] - first["at"] >= 0.95  # the queue's visibility timeout is 1 s
    assert len(seen(good)) == 1


@pytest.mark.parametrize("told", [{"raise": True}, {"garble": True}])
def test_a_batch_that_fails_as_a_whole_comes_again_as_a_whole(
    send: Callable[..., str], seen: Seen, eventually: Callable[..., Any], told: dict[str, bool]
) -> None:
    name = send(**told)
    assert eventually(lambda: len(seen(name)) == 2)


def test_a_message_that_keeps_failing_ends_in_the_dead_letter_queue(
    tiny: Stack, sqs: Any, send: Callable[..., str], seen: Seen, eventually: Callable[..., Any]
) -> None:
    name = send(fail=True)
    dead = eventually(lambda: _receive(tiny, sqs, name))
    assert json.loads(dead["Body"])["name"] == name
    assert len(seen(name)) == 2  # maxReceiveCount
    eventually(lambda: waiting(tiny, sqs, "Queue") == 0)


def _receive(tiny: Stack, sqs: Any, name: str) -> Any:
    messages = sqs.receive_message(QueueUrl=tiny.queue_url("DeadLetterQueue"), MaxNumberOfMessages=10)
    return next((m for m in messages.get("Messages", []) if name in m["Body"]), None)


def test_a_poison_message_does_not_hold_up_the_others(
    send: Callable[..., str], seen: Seen, eventually: Callable[..., Any]
) -> None:
    names = [send(fail=index == 0) for index in range(6)]
    eventually(lambda: all(seen(name) for name in names[1:]))


def test_batches_are_as_large_and_as_concurrent_as_the_mapping_allows(
    tiny: Stack, sqs: Any, send: Callable[..., str], seen: Seen, eventually: Callable[..., Any]
) -> None:
    names = [send(sleep=0.1) for _ in range(12)]
    lines = [line for name in names for line in eventually(lambda name=name: seen(name))]
    assert max(line["batch"] for line in lines) <= 3
    assert 1 <= len({line["pid"] for line in lines}) <= 2
    eventually(lambda: waiting(tiny, sqs, "Queue") == 0)


def test_a_process_killed_in_a_batch_costs_no_message(
    tiny: Stack, sqs: Any, send: Callable[..., str], seen: Seen, eventually: Callable[..., Any]
) -> None:
    name = send(sleep=0.7)
    (line,) = eventually(lambda: seen(name))
    tiny.kill(line["pid"])
    again = eventually(lambda: len(seen(name)) == 2 and seen(name)[1])
    assert again["record"]["attributes"]["ApproximateReceiveCount"] == "2"
    eventually(lambda: waiting(tiny, sqs, "Queue") == 0)


def test_a_long_poll_takes_what_arrives_meanwhile_and_holds_up_nobody(tiny: Stack, sqs: Any) -> None:
    url = tiny.queue_url("UnpolledQueue")
    started = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    assert time.monotonic() - started >= 1

    sqs.send_message(QueueUrl=url, MessageBody="{}", DelaySeconds=1)
    started = time.monotonic()
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("reachability", "error"),
    [
        (Reachability.REFUSE, "EndpointConnectionError"),
        (Reachability.RESET, "ConnectionClosedError"),
        (Reachability.HANG, "ReadTimeoutError"),
    ],
)
def test_a_service_can_be_made_unreachable_and_reachable_again(
    tiny: ProxiedStack, reachability: Reachability, error: str
) -> None:
    def call_it() -> str:
        outcome = tiny.invoke("SlowFunction", {"list queues": True})
        return str(outcome.json().get("errorType", "reached"))

    assert call_it() == "reached"
    tiny.set_reachability("sqs", reachability)
    try:
        assert call_it() == error
        assert tiny.client("sqs").list_queues()["QueueUrls"]  # without the proxy, the service is reachable
    finally:
        tiny.set_reachability("sqs", Reachability.NORMAL)
    assert call_it() == "reached"
