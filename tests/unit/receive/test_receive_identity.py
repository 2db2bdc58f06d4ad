"""Events are told apart by header id and body. Within a window, the same body is a duplicate under any unsigned id."""

import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from relay import limits
from relay.deliver.outcomes import Outcome
from relay.problems import DuplicateInFlight
from relay.receive.webhooks import receive
from relay.verification import parse
from relay.verification.inbound import InboundRequest
from tests.support.fakes import FakeKeySets, FakeSns, World

SECRET = "local-secret"
ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "{{ body.text }}"}
UNSIGNED_ID = {"preset": "hmac", "header": "x-signature", "id_header": "x-id"}
SIGNED_ID = UNSIGNED_ID | {"signed": "{id}{body}"}


@pytest.fixture
def world():
    return World()


def post(world, body, event_id, verify=UNSIGNED_ID, route=ROUTE, **settings):
    source = world.add_source("ci", {"all": route}, verify=verify, **settings)
    signed = (event_id.encode() if source.verification.signs_id else b"") + body
    signature = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    headers = {"x-signature": signature} | ({"x-id": event_id} if event_id else {})
    request = InboundRequest("POST", "", "", headers, body, datetime.now(UTC))
    parts = {
        "configuration": world.configuration,
        "relayer": world.relayer,
        "sns": FakeSns(),
        "key_sets": FakeKeySets(),
    }
    return receive("ci", request, Outcome(), **parts, max_body_bytes=1_000)


ONE, TWO = b'{"text": "one"}', b'{"text": "two"}'


@pytest.mark.parametrize("settings", [{"verify": SIGNED_ID}, {}, {"id": 'headers."x-id"'}])
def test_another_body_under_a_known_id_is_sent(world, settings):
    for body in (ONE, TWO):
        assert not post(world, body, "a", **settings).duplicate
    assert world.sent_texts == ["one", "two"]


@pytest.mark.parametrize("settings", [{"verify": SIGNED_ID}, {}, {"id": 'headers."x-id"'}, {"id": "body.text"}])
def test_the_same_body_under_the_same_id_is_a_duplicate_for_as_long_as_records_last(world, settings):
    post(world, ONE, "a", **settings)
    world.clock.advance(3 * limits.REPEAT_SECONDS)
    assert post(world, ONE, "a", **settings).duplicate
    assert world.sent_texts == ["one"]


@pytest.mark.parametrize("settings", [{}, {"id": 'headers."x-id"'}])
def test_the_same_body_under_another_unsigned_id_is_a_duplicate_within_the_window(world, settings):
    post(world, ONE, "a", **settings)
    world.clock.advance(limits.REPEAT_SECONDS)
    assert post(world, ONE, "b", **settings).duplicate
    assert world.sent_texts == ["one"]


def test_after_the_window_the_same_body_under_another_id_is_another_event_each_time(world):
    for event_id in ("a", "b", "c"):
        assert not post(world, ONE, event_id).duplicate
        world.clock.advance(limits.REPEAT_SECONDS + 1)
    assert world.sent_texts == ["one"] * 3


def test_the_same_body_under_the_same_id_is_a_duplicate_even_after_the_window(world):
    post(world, ONE, "a")
    world.clock.advance(limits.REPEAT_SECONDS + 1)
    assert post(world, ONE, "a").duplicate
    assert world.sent_texts == ["one"]


@pytest.mark.parametrize("unusable", ["", "\ufffd"])
def test_a_captured_request_without_a_usable_id_is_a_duplicate(world, unusable):
    settings = {"verify": {"preset": "hmac", "header": "x-signature"}, "id": 'headers."x-id"'}
    post(world, ONE, "a", **settings)
    assert post(world, ONE, unusable, **settings).duplicate
    assert world.sent_texts == ["one"]


def test_a_request_of_github_s_that_was_captured_and_lost_its_id_is_a_duplicate(world):
    source = world.add_source("hub", {"all": ROUTE}, verify="github", delivery="direct")
    signature = f"sha256={hmac.new(SECRET.encode(), ONE, hashlib.sha256).hexdigest()}"
    parts = {
        "configuration": world.configuration,
        "relayer": world.relayer,
        "sns": FakeSns(),
        "key_sets": FakeKeySets(),
    }
    outcomes = []
    for headers in ({"x-github-delivery": "a"}, {}):
        signed = headers | {"x-hub-signature-256": signature}
        request = InboundRequest("POST", "", "", signed, ONE, datetime.now(UTC))
        outcomes.append(receive(source.name, request, Outcome(), **parts, max_body_bytes=1_000))
    assert [getattr(outcome, "duplicate", None) for outcome in outcomes] == [False, True]
    assert world.sent_texts == ["one"]


def test_an_id_that_counted_for_another_does_so_after_the_window_too(world):
    post(world, ONE, "a")
    world.clock.advance(limits.REPEAT_SECONDS - 10)
    assert post(world, ONE, "b").duplicate
    world.clock.advance(20)
    assert post(world, ONE, "b").duplicate
    assert world.sent_texts == ["one"]


def test_a_body_repeated_under_another_id_is_logged(world):
    for event_id in ("a", "b"):
        post(world, ONE, event_id)
    assert ("warning", "body_repeated", {"source": "ci", "event_id": "b", "first_id": "a"}) in world.telemetry.lines


def test_a_field_of_the_body_called_headers_is_no_header(world):
    one, two = b'{"headers": {"id": 7}, "text": "one"}', b'{"headers": {"id": 7}, "text": "two"}'
    post(world, one, "a", id="body.headers.id")
    assert post(world, two, "b", id="body.headers.id").duplicate


def test_the_same_body_under_another_signed_id_is_sent(world):
    for event_id in ("a", "b"):
        assert not post(world, ONE, event_id, SIGNED_ID).duplicate
    assert world.sent_texts == ["one", "one"]


def test_the_answer_to_a_duplicate_names_the_id_of_its_own_request(world):
    post(world, ONE, "a")
    assert post(world, ONE, "b").event_id == "b"


def test_an_event_that_no_route_takes_claims_nothing_in_the_ledger(world):
    assert post(world, ONE, "a", route=ROUTE | {"when": "body.text == 'no'"}).name == "ignored"
    assert world.ledger.results == {}


def test_without_the_ledger_an_event_is_queued_so_that_it_is_not_lost(world):
    world.ledger.down = True
    outcome = post(world, ONE, "a")
    assert (outcome.name, len(world.outbox.queue)) == ("queued", 1)


def test_a_copy_of_a_body_that_is_being_looked_up_is_a_conflict(world):
    post(world, ONE, "a")
    world.ledger.held = {key for key in world.ledger.results if key[0] == "body"}
    with pytest.raises(DuplicateInFlight):
        post(world, ONE, "b")


def test_an_unsigned_id_with_a_tolerance_beyond_the_window_is_refused():
    with pytest.raises(ValueError, match="id_header is not in signed: expected a tolerance of at most 300 s"):
        parse(UNSIGNED_ID | {"timestamp_header": "x-time", "signed": "{timestamp}{body}", "tolerance": 301})
