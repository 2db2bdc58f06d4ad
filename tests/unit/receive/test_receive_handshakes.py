"""The relay echoes Slack's challenge only for sources with Slack's preset."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.receive.handshakes import handshake
from relay.verification import parse
from relay.verification.inbound import InboundRequest
from tests.support.fakes import FakeSns

REQUEST = InboundRequest("POST", "/webhooks/slack", "", {}, b"", datetime(2026, 3, 1, tzinfo=UTC))


def test_the_challenge_is_answered_as_plain_text() -> None:
    answer = handshake(parse("slack"), {"type": "url_verification", "challenge": "3eZbrw1a"}, FakeSns())
    assert answer == "3eZbrw1a"


@pytest.mark.parametrize("challenge", [None, 7, [], {"a": 1}, "x" * 1025])
def test_a_strange_challenge_is_not_echoed(challenge: Any) -> None:
    assert handshake(parse("slack"), {"type": "url_verification", "challenge": challenge}, FakeSns()) == ""


@pytest.mark.parametrize("body", [{"type": "event_callback"}, {}, [], None, "url_verification", {"type": []}])
def test_an_event_is_no_handshake(body: Any) -> None:
    assert handshake(parse("slack"), body, FakeSns()) is None


def test_the_challenge_of_another_sender_is_not_echoed() -> None:
    assert handshake(parse("github"), {"type": "url_verification", "challenge": "x"}, FakeSns()) is None
