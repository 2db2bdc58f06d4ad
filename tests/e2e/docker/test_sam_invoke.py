"""The built function handles each file of events/ in Lambda's own container, with AWS and OMNI over the network."""

import json
import time
from typing import Any

import pytest
import requests

from sandbox import event_files
from sandbox.renewal import Sources
from sandbox.sam_local import SamLocal
from sandbox.stack.settings import PROJECT
from tests.support.senders import HANDSHAKES

pytestmark = pytest.mark.e2e

WEBHOOKS = sorted(path.stem for path in (PROJECT / "events").glob("webhook-*.json"))
WITHOUT_MESSAGE = {f"webhook-{name}" for name in HANDSHAKES}


def messages(sam: SamLocal) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{sam.stack.sandbox_url}/sandbox/messages", timeout=5).json()[
        "messages"
    ]
    return found


def wait_for_messages(sam: SamLocal, known: int) -> list[dict[str, Any]]:
    """Waits for a new message, because queued dispatches are sent later, by the stack's own DeliveryFunction."""
    deadline = time.monotonic() + 20
    while len(found := messages(sam)) <= known and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("name", WEBHOOKS)
def test_a_webhook_becomes_a_message(sam: SamLocal, senders: Sources, name: str) -> None:
    before = len(messages(sam))

    invocation = sam.invoke(event_files.function_of(name), event_files.fresh(name, senders))

    # Discord takes 204 for the answer to its ping.
    assert invocation.answer.get("statusCode") in {200, 202, 204}, f"{invocation.answer}\n{invocation.log}"
    if name not in WITHOUT_MESSAGE:
        assert json.loads(invocation.answer["body"])["outcome"] in {"sent", "queued"}
        assert len(wait_for_messages(sam, before)) > before


@pytest.mark.parametrize("name", ["schedule", "delivery"])
def test_the_delivery_and_schedule_events_send_messages_too(sam: SamLocal, name: str) -> None:
    before = len(messages(sam))

    invocation = sam.invoke(event_files.function_of(name), event_files.load(name))

    assert not invocation.failed, invocation.log
    assert len(messages(sam)) == before + 1


def test_a_signed_file_verifies_as_it_is_shipped(sam: SamLocal) -> None:
    invocation = sam.invoke("WebhookFunction", event_files.load("github-release"))

    assert json.loads(invocation.answer["body"])["outcome"] == "sent", invocation.log


def test_an_altered_file_is_refused(sam: SamLocal) -> None:
    event = event_files.load("github-release")

    invocation = sam.invoke("WebhookFunction", event | {"body": event["body"].replace("published", "Published")})

    assert invocation.answer["statusCode"] == 401


def test_each_message_has_a_line_in_the_log(sam: SamLocal, senders: Sources) -> None:
    invocation = sam.invoke("WebhookFunction", event_files.fresh("github-release", senders))

    lines = [json.loads(line) for line in invocation.log.splitlines() if line.startswith("{")]
    [line] = [line for line in lines if line.get("message") == "message_status"]
    assert (line["source"], line["route"], line["outcome"]) == ("github", "release", "sent")
