"""The relay bounds what an event may cost before it does the work. Beyond a limit it refuses or parks, and says why."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from relay import limits
from sandbox.signing import sign
from tests.support.inprocess import PREFIX, Answer, Relay

pytestmark = pytest.mark.no_cover  # tracing would stretch the processor time that these tests bound
Post = Callable[[str, Any], Answer]


@pytest.fixture
def post(inprocess: Relay) -> Post:
    """Posts a body, signed as the source's sender would."""

    def send(source: str, body: Any) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        verify, secret = inprocess.config["sources"][source]["verify"], inprocess.secrets["sources"][source]
        proof = sign(source, verify, secret, raw, event_id="e-1", now=datetime.now(UTC))
        return inprocess.post(source, raw, proof | {"content-type": "application/json"})

    return send


@contextmanager
def ssm(relay: Relay, **changed: str) -> Iterator[None]:
    """Sets these values in SSM, or removes all if none are given. Clears the cached configuration before and after."""
    from handlers import composition

    prefix = f"{PREFIX}/sources/"
    with patch.dict(relay.ssm.values, {prefix + name: value for name, value in changed.items()}, clear=not changed):
        composition.configuration.cache_clear()
        yield
    composition.configuration.cache_clear()


def route(relay: Relay, source: str, rule: Any) -> AbstractContextManager[None]:
    """Adds a route to the source."""
    return ssm(relay, **{f"{source}/routes/extra": json.dumps(rule)})


def phones(count: int) -> list[dict[str, str]]:
    return [{"phone": f"+417912{number:05}"} for number in range(count)]


def message(**fields: Any) -> dict[str, Any]:
    return {"scenario": "incident", "to": phones(1), "text": "x", **fields}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"to": phones(limits.RECIPIENTS + 1)}, f"to: expected at most {limits.RECIPIENTS} destinations"),
        ({"text": "x" * 20_001}, "text: expected 20000 characters or fewer"),
        ({"subject": "x" * 1_001}, "subject: expected 1000 characters or fewer"),
        ({"callbackData": "x" * 4_001}, "callbackData: expected 4000 characters or fewer"),
        ({f"f{n}": n for n in range(40)}, "(body): expected at most 30 fields"),
        ({"channels": {f"f{n}": {} for n in range(40)}}, "(body): expected at most 30 fields"),
        (
            {"channels": {"destinations": {}}},
            "channels.destinations: expected the name of a channel",
        ),
        (
            {"channels": {"notifyUrl": {}}},
            "channels.notifyUrl: expected the name of a channel",
        ),
        (
            {"channels": {"bulk_id": {}}},
            "channels.bulk_id: expected the name of a channel",
        ),
        (
            {"channels": {"sms": {"validityPeriod": "long"}}},
            "channels.sms.validityPeriod: expected a whole number",
        ),
        ({"notifyUrl": "http://169.254.169.254/"}, "notifyUrl: expected https"),
        ({"notifyUrl": "https://localhost/"}, "notifyUrl: expected the name or address of a public host"),
    ],
)
def test_a_notification_beyond_a_limit_is_refused(post: Post, inprocess: Relay, fields: Any, problem: str) -> None:
    answer = post("standard-webhooks", message(**fields))
    assert answer.status == 422
    assert any(f"{e['field']}: {e['problem']}".startswith(problem) for e in answer.json()["errors"]), answer.text
    assert inprocess.omni.requests == []


def test_a_notification_at_the_limits_is_sent(post: Post, inprocess: Relay) -> None:
    answer = post("standard-webhooks", message(to=phones(limits.RECIPIENTS), text="x" * 20_000))
    assert answer.status == 200
    assert len(answer.json()["messages"]) == limits.RECIPIENTS
    assert {len(request.destinations) for request in inprocess.omni.requests} == {100}


def test_an_answer_names_only_the_first_of_many_errors(post: Post) -> None:
    answer = post("standard-webhooks", message(channels={"sms": {}} | {f"f{chr(97 + n)}": n for n in range(25)}))
    assert len(answer.json()["errors"]) == limits.ERRORS


def test_items_that_multiply_into_too_many_recipients_are_parked_and_none_is_sent(post: Post, inprocess: Relay) -> None:
    """`to` may be an expression that gives, for each item, as many recipients as the body holds."""
    multiplying = {"scenario": "incident", "for_each": "body.items", "to": "body.to", "text": "{{ item.name }}"}
    with route(inprocess, "github", multiplying):
        answer = post("github", {"items": [{"name": f"n{n}"} for n in range(51)], "to": phones(100)})
    assert answer.json()["outcome"] == "parked"
    assert "route extra: to: more than 5000 destinations of one event" in answer.json()["reason"]
    assert not [text for _, text in inprocess.sqs.messages if '"route":"extra"' in text]


def test_the_limit_of_recipients_holds_for_all_routes_together(post: Post, inprocess: Relay) -> None:
    many = {"scenario": "incident", "to": "body.many", "text": "x"}
    with route(inprocess, "gitlab", many):
        answer = post("gitlab", {"many": phones(4_999)})
        assert answer.json()["outcome"] == "sent"  # 5,000 with the recipient of the route that always applies
        answer = post("gitlab", {"many": phones(5_000)})
    assert answer.json()["outcome"] == "parked"
    assert [m["status"]["name"] for m in answer.json()["messages"]] == ["PENDING_ENROUTE"]


def test_thousands_of_items_that_a_large_schema_refuses_are_answered_soon(post: Post, inprocess: Relay) -> None:
    item = {"type": "object", "required": ["id"], "properties": {f"field{n}": {"type": "string"} for n in range(60)}}
    settings = json.loads(inprocess.ssm.values[f"{PREFIX}/sources/github/settings"])
    settings["schema"] = {"type": "object", "properties": {"items": {"type": "array", "items": item}}}
    with ssm(inprocess, **{"github/settings": json.dumps(settings)}):
        answer = post("github", {"items": [{"id": 1}] * 40_000 + [1]})
        assert (answer.status, answer.json()["errors"][0]["field"]) == (422, "items[40000]")
        assert answer.seconds < 1
        answer = post("github", {"items": [{}] * 40_000})
        assert [error["field"] for error in answer.json()["errors"][:2]] == ["items[0].id", "items[1].id"]
        assert answer.seconds < 1


def test_too_many_items_are_parked(post: Post) -> None:
    answer = post("github", {"items": [{"name": f"n{n}"} for n in range(limits.ITEMS + 1)]})
    assert answer.json()["outcome"] == "parked"
    assert f"of at most {limits.ITEMS}" in answer.json()["reason"]


def test_routes_that_take_too_long_are_parked_while_the_answer_is_still_soon(
    post: Post, inprocess: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The template of each item stays within its own limit, but five hundred of them would take too long."""
    monkeypatch.setattr("relay.limits.ROUTES_SECONDS", 0.2)
    busy = {
        "scenario": "incident",
        "for_each": "body.items",
        "to": [{"phone": "+41793026727"}],
        "text": "{% for a in body.items %}{{ a.name | upper | lower | title | truncate(3) }}{% endfor %}",
    }
    with route(inprocess, "github", busy):
        answer = post("github", {"items": [{"name": f"n{n}"} for n in range(limits.ITEMS)]})
    assert "route extra: takes more than 0.2 s" in answer.json()["reason"]
    assert answer.seconds < 1.5


def test_a_text_that_grows_too_long_is_parked(post: Post, inprocess: Relay) -> None:
    answer = post("github", {"url": "https://example.com/", "title": "x" * 30_000})
    assert answer.json()["outcome"] == "parked"
    assert "20000 characters" in answer.json()["reason"].replace(",", "")


def test_an_event_too_large_for_the_queue_is_refused_with_413_so_that_its_sender_gives_up(
    post: Post, inprocess: Relay
) -> None:
    """The body is a form of control characters, each of which takes six bytes in JSON."""
    body = b"title=x&to=x&text=" + b"\x01" * 300_000
    proof = sign("hmac", inprocess.config["sources"]["hmac"]["verify"], inprocess.secrets["sources"]["hmac"], body,
                 event_id="e-2", now=datetime.now(UTC))  # fmt: skip
    answer = inprocess.post("hmac", body, proof | {"content-type": "application/x-www-form-urlencoded"})
    assert answer.status == 413
    assert inprocess.sqs.messages == []


def test_characters_that_the_queue_would_replace_are_kept(post: Post, inprocess: Relay) -> None:
    answer = post("stripe", {"id": "evt_1", "title": "a\uffffb\ufffec"})
    assert answer.json()["outcome"] == "queued"
    ((_, queued),) = inprocess.sqs.messages
    assert json.loads(queued)["dispatch"]["content"]["text"].startswith("a\uffffb\ufffec")


@pytest.mark.parametrize("strangers", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_unknown_sources_cost_no_call_of_ssm(inprocess: Relay, strangers: int) -> None:
    """Only the handler's first request calls SSM."""
    inprocess.post("github", b"{}")
    before = inprocess.ssm.calls
    statuses = {inprocess.post(f"stranger-{number}", b"{}").status for number in range(strangers)}
    assert statuses == {404}
    assert inprocess.ssm.calls == before


def test_a_relay_without_sources_does_not_call_ssm_for_each_unknown_source(inprocess: Relay) -> None:
    with ssm(inprocess):
        before = inprocess.ssm.calls
        assert {inprocess.post(f"stranger-{number}", b"{}").status for number in range(100)} == {404}
        assert inprocess.ssm.calls - before <= 3


def test_headers_that_hold_credentials_are_not_seen_by_routes_or_kept(post: Post, inprocess: Relay) -> None:
    telltale = (
        "x-gitlab-token",
        "x-hub-signature",
        "x-amz-security-token",
        "x-api-key",
        "proxy-authorization",
        "x-secret-a",
    )
    body = json.dumps({"total": "x", "alerts": "no list"}).encode()
    secret = inprocess.secrets["sources"]["github"]
    proof = sign("github", "github", secret, body, event_id="e-1", now=datetime.now(UTC))
    answer = inprocess.post("github", body, proof | dict.fromkeys(telltale, "planted-token") | {"x-note": "kept"})
    assert answer.json()["outcome"] == "parked"
    parked = next(text for _, text in inprocess.sqs.messages if "route_invalid" in text)
    assert json.loads(parked)["event"]["headers"]["x-note"] == "kept"
    assert "planted" not in parked


def test_equal_events_of_two_sources_are_no_duplicates(post: Post, inprocess: Relay) -> None:
    body = {"id": "the-same", "event": {"id": "the-same"}, "kind": "a"}
    first, second = (post(source, body).json()["messages"] for source in ("gitlab", "pagerduty"))
    assert post("pagerduty", body).json()["duplicate"]
    assert {m["messageId"] for m in first}.isdisjoint(m["messageId"] for m in second)
    assert len(inprocess.omni.requests) == 2
