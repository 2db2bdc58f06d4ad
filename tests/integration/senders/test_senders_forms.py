"""GitHub's form deliveries over the running relay: the same route serves both content types, or the sender gets 400."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from configuration.files import read_yaml
from sandbox import event_files
from sandbox.renewal import Sources, renewed
from sandbox.stack.settings import PROJECT
from sandbox.stack.stack import Stack

KNOWN = Sources(read_yaml(PROJECT / "relay.yaml"), read_yaml(PROJECT / "secrets.local.yaml"))
RELEASE = event_files.load("github-release")


def post(stack: Stack, event: dict[str, Any]) -> event_files.Answer:
    """Signs the event anew, under a new delivery id, and posts it."""
    return event_files.post(renewed(event, KNOWN, datetime.now(UTC)), urlsplit(stack.relay_url).port or 0)


def as_form(body: str) -> dict[str, Any]:
    headers = RELEASE["headers"] | {"content-type": "application/x-www-form-urlencoded"}
    return RELEASE | {"headers": headers, "body": body, "isBase64Encoded": False}


def texts(stack: Stack) -> list[str]:
    messages = requests.get(f"{stack.sandbox_url}/sandbox/messages", timeout=5).json()["messages"]
    return [message["text"] for message in messages]


def test_one_route_serves_github_s_json_and_its_form(stack: Stack, eventually: Callable[..., Any]) -> None:
    for event in (RELEASE, as_form(urlencode({"payload": RELEASE["body"]}))):
        answer = post(stack, event)
        assert (answer.status, json.loads(answer.body)["outcome"]) == (200, "sent"), str(answer)
    eventually(lambda: len(texts(stack)) >= 2)
    first, second = texts(stack)
    assert first == second
    assert "is out" in first


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("action=published", "expected JSON in the form's field payload"),
        ("payload=published", "not JSON"),
        (urlencode({"payload": RELEASE["body"][:-1]}), "not JSON"),
    ],
)
def test_a_signed_form_without_a_readable_payload_is_refused(stack: Stack, body: str, reason: str) -> None:
    answer = post(stack, as_form(body))
    assert answer.status == 400
    assert reason in json.loads(answer.body)["detail"]


def test_a_form_altered_after_it_was_signed_is_refused(stack: Stack) -> None:
    form = renewed(as_form(urlencode({"payload": RELEASE["body"]})), KNOWN, datetime.now(UTC))
    altered = form | {"body": form["body"] + "&payload=%7B%7D"}
    altered["headers"] = form["headers"] | {"content-length": str(len(altered["body"]))}
    assert event_files.post(altered, urlsplit(stack.relay_url).port or 0).status == 401
