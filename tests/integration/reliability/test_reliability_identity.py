"""Requests are one event if both id and body are the same. A captured request isn't sent again under another id.

Each test would fail if the relay took ids from headers unchecked.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import requests

from sandbox.signing import sign
from tests.support.relay_stack import CONFIG, SECRETS, Relay

Wait = Callable[..., Any]


def post(relay: Relay, source: str, event_id: str, text: str) -> dict[str, Any]:
    """Posts a body under an id, signed as this source's sender would, and returns the answer's content."""
    body = json.dumps({"text": text, "to": [{"phone": "+41793026727"}], "broken": False}).encode()
    verify = CONFIG["sources"][source]["verify"]
    headers = sign(source, verify, SECRETS["sources"][source], body, event_id=event_id, now=datetime.now(UTC))
    headers["content-type"] = "application/json"
    answer = requests.post(f"{relay.stack.relay_url}/webhooks/{source}", data=body, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("source", ["stamped", "standard"])
def test_another_body_under_a_known_id_is_another_event(relay: Relay, source: str) -> None:
    event_id = uuid4().hex
    first, second = (post(relay, source, event_id, f"{text} of {event_id}") for text in ("one", "two"))
    assert (first["outcome"], second["outcome"]) == ("sent", "sent")
    assert "duplicate" not in second
    assert first["messages"][0]["messageId"] != second["messages"][0]["messageId"]
    assert relay.sends == 2


@pytest.mark.parametrize("source", ["stamped", "standard", "direct"])
def test_the_same_body_under_the_same_id_is_a_duplicate(relay: Relay, source: str) -> None:
    event_id = uuid4().hex
    first, second = (post(relay, source, event_id, f"text of {event_id}") for _ in range(2))
    assert second == first | {"duplicate": True}
    assert relay.sends == 1


def test_a_captured_request_is_not_sent_again_under_another_id(relay: Relay) -> None:
    event = relay.event()
    first = relay.post(event)
    # Both requests have the same body. GitHub's signature doesn't cover the id of the delivery.
    headers = event.headers() | {"x-github-delivery": uuid4().hex}
    again = requests.post(f"{relay.stack.relay_url}/webhooks/direct", data=event.body, headers=headers, timeout=20)
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    assert again.json()["messages"] == first.content["messages"]
    assert relay.sends == 1


def test_another_body_under_another_id_is_sent(relay: Relay) -> None:
    event = relay.event()
    assert relay.post(event).outcome == "sent"
    assert not relay.post(replace(event, id=uuid4().hex)).content.get("duplicate")
    assert relay.sends == 2
