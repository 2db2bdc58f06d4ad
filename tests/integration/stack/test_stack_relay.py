"""The relay in the local stack. The sandbox, the queue and the logs show the whole way of an event."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from sandbox import event_files
from sandbox.renewal import Sources
from sandbox.stack.stack import Stack
from tests.support.proxies import ProxiedStack, Reachability

Wait = Callable[..., Any]


def post(stack: Stack, event: dict[str, Any]) -> event_files.Answer:
    return event_files.post(event, int(stack.relay_url.rpartition(":")[2]))


def fresh(stack: Stack, name: str) -> dict[str, Any]:
    return event_files.fresh(name, Sources(stack.settings.config, stack.settings.secrets))


def messages(stack: Stack) -> list[dict[str, Any]]:
    answer = requests.get(f"{stack.sandbox_url}/sandbox/messages", timeout=5).json()
    found: list[dict[str, Any]] = answer["messages"]
    return found


def test_a_webhook_becomes_a_message_that_knows_where_it_came_from(stack: Stack, eventually: Wait) -> None:
    assert post(stack, fresh(stack, "github-release")).status == requests.codes.ok

    (message,) = messages(stack)
    trail = eventually(lambda: messages(stack)[0].get("trail"))
    assert (trail["event"]["source"], trail["route"]) == ("github", "release")
    assert message["scenarioKey"] == stack.settings.config["scenarios"]["incident"]
    lines = [line for line in stack.log_records("WebhookFunction") if line.get("message") == "message_status"]
    assert message["messageId"] in {line["message_id"] for line in lines}


def test_a_source_whose_sender_sets_nothing_up_takes_posts_only(stack: Stack) -> None:
    for method in ("GET", "OPTIONS"):
        known = requests.request(method, f"{stack.relay_url}/webhooks/github?challenge=x", timeout=5)
        assert (known.status_code, known.headers["allow"]) == (requests.codes.method_not_allowed, "POST")
        unknown = requests.request(method, f"{stack.relay_url}/webhooks/nobody?challenge=x", timeout=5)
        assert unknown.status_code == requests.codes.not_found
        assert "challenge=x" not in known.text + unknown.text


def test_copies_that_arrive_together_make_one_message(stack: Stack) -> None:
    event = fresh(stack, "github-release")
    with ThreadPoolExecutor(20) as senders:
        answers = list(senders.map(lambda _: post(stack, event).status, range(20)))
    assert set(answers) <= {200, 409}
    assert 200 in answers
    assert len(messages(stack)) == 1


def test_what_omni_can_not_take_now_waits_in_the_queue_and_is_delivered_later(stack: Stack, eventually: Wait) -> None:
    fault = {"kind": "status", "status": 503, "count": 2}
    requests.post(f"{stack.sandbox_url}/sandbox/faults", json=fault, timeout=5).raise_for_status()
    assert post(stack, fresh(stack, "github-release")).status == requests.codes.accepted
    assert eventually(lambda: messages(stack), 30)
    assert len(messages(stack)) == 1


def test_a_schedule_sends_when_it_is_invoked(stack: Stack) -> None:
    outcome = stack.invoke("ScheduleFunction", event_files.load("schedule"))
    assert outcome.error is None
    assert [message["text"] for message in messages(stack)] == [event_files.load("schedule")["text"]]


def test_a_schedule_whose_payload_is_wrong_says_which_field(stack: Stack) -> None:
    outcome = stack.invoke("ScheduleFunction", {"to": [{"phone": "+41793026727"}], "text": "weekly"})
    assert outcome.json()["errorType"] == "FiringFailed"
    assert "scenario: " in outcome.json()["errorMessage"]
    assert not messages(stack)


def test_with_its_table_out_of_reach_the_relay_queues_instead_of_sending(stack: ProxiedStack, eventually: Wait) -> None:
    stack.set_reachability("dynamodb", Reachability.REFUSE)
    assert post(stack, fresh(stack, "github-release")).status == requests.codes.accepted
    assert not messages(stack)
    stack.set_reachability("dynamodb", Reachability.NORMAL)
    assert eventually(lambda: messages(stack), 30)
