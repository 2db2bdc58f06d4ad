"""Slack's challenge is echoed to Slack's own preset, and to nobody else's."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.receive.handshakes import Challenge, Ignored, handshake
from relay.verification import parse
from relay.verification.inbound import InboundRequest

REQUEST = InboundRequest("POST", "/webhooks/slack", "", {}, b"", datetime(2026, 3, 1, tzinfo=UTC))


def test_the_challenge_is_answered_as_plain_text() -> None:
    step = handshake(parse("slack"), REQUEST, {"type": "url_verification", "challenge": "3eZbrw1a"})
    assert step == Challenge("3eZbrw1a", "text/plain; charset=utf-8")


@pytest.mark.parametrize("challenge", [None, 7, [], {"a": 1}, "x" * 1025])
def test_a_strange_challenge_is_not_echoed(challenge: Any) -> None:
    assert handshake(parse("slack"), REQUEST, {"type": "url_verification", "challenge": challenge}) == Ignored()


@pytest.mark.parametrize("body", [{"type": "event_callback"}, {}, [], None, "url_verification", {"type": []}])
def test_an_event_is_no_handshake(body: Any) -> None:
    assert handshake(parse("slack"), REQUEST, body) is None


def test_other_senders_are_never_answered_with_their_own_words() -> None:
    assert handshake(parse("github"), REQUEST, {"type": "url_verification", "challenge": "x"}) is None
