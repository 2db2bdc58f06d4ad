"""An explanation agrees with what the relay does with the same event, and says why."""

import json
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from handlers import http
from relay.configure.sources import WHOLE, Source
from relay.deliver.outcomes import Outcome
from relay.explain.explainer import Explainer
from relay.explain.explanation import Explanation, Failure
from relay.model.events import Event
from relay.receive.webhooks import receive
from relay.verification.inbound import InboundRequest
from sandbox import event_files
from tests.support.certificates import local_certificate
from tests.support.fakes import FakeKeySets, FakeSns, World

PERSON = {"phone": "+41793026727", "email": "ops@example.com"}
PEOPLE = [{"phone": f"+4179302{number}"} for number in range(6700, 6705)]
ROUTE = {"scenario": "incident", "to": [PERSON], "text": "{{ body.text }}"}


@pytest.fixture
def world() -> World:
    return World()


def explainer(world: World) -> Explainer:
    return Explainer(world.configuration.scenario_key, world.limit, "test", FakeSns(), world.clock.now)


def a_request(world: World, body: Any, **headers: str) -> InboundRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": "application/json", "authorization": "Bearer local-secret", **headers}
    return InboundRequest("POST", "/webhooks/ci", "", given, raw, world.clock.now())


def explain(world: World, source: Source, body: Any, **headers: str) -> Explanation:
    explanation = explainer(world).webhook(a_request(world, body, **headers), source)
    assert json.loads(json.dumps(asdict(explanation)))
    assert (world.omni.requests, world.outbox.queue, world.outbox.parked, world.ledger.results) == ([], [], [], {})
    return explanation


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (ROUTE, {"text": "hi"}),
        (ROUTE | {"channels": {"sms": {"text": "{{ body.text }}!"}}, "subject": "S"}, {"text": "hi"}),
        (ROUTE | {"for_each": "body.items", "text": "{{ item }}"}, {"items": ["a", "b"]}),
        (ROUTE | {"sendAt": "2031-05-24T10:45:38.000+0000"}, {"text": "later"}),
        (
            ROUTE | {"to": "body.people"},
            {"text": "x", "people": PEOPLE},
        ),
    ],
)
def test_the_request_is_the_one_that_is_sent(world: World, route: dict[str, Any], body: Any) -> None:
    world.limit = 2
    source = world.add_source("ci", {"all": route})
    explanation = explain(world, source, body)
    outcome = receive(
        "ci",
        a_request(world, body),
        Outcome(),
        configuration=world.configuration,
        relayer=world.relayer,
        sns=FakeSns(),
        key_sets=FakeKeySets(),
        max_body_bytes=1_000,
    )
    [explained] = explanation.routes
    assert [message.request for message in explained.messages] == [json.loads(r.to_json()) for r in world.omni.requests]
    assert (explanation.outcome, explained.verdict) == ("messages", "matched")
    assert isinstance(outcome, Outcome)
    assert explanation.event_id == outcome.event_id


def test_a_route_that_does_not_match_tells_the_comparison(world: World) -> None:
    source = world.add_source("ci", {"all": ROUTE | {"when": "body.result == 'failed'"}})
    explanation = explain(world, source, {"result": "FAILED"})
    [route] = explanation.routes
    assert (explanation.outcome, route.verdict) == ("ignored", "unmatched")
    assert route.when is not None
    assert (route.when.relation, route.when.operands[0].value) == ("≠", "FAILED")


def test_each_item_has_its_message_or_its_failure_at_the_line_of_its_template(world: World) -> None:
    text = "first\n{{ item.name | upper }}"
    source = world.add_source("ci", {"all": ROUTE | {"for_each": "body.items", "text": text}})
    [route] = explain(world, source, {"items": [{"name": "a"}, {}, {"name": "c"}]}).routes
    assert route.verdict == "failed"
    assert [(message.item, message.texts[0].text) for message in route.messages] == [(1, "first\nA"), (3, "first\nC")]
    assert route.failures == (Failure("'name' is undefined", 2, "text", 2, "{{ item.name | upper }}"),)
    assert route.for_each is not None
    assert len(route.for_each.value) == 3


@pytest.mark.parametrize(
    ("fields", "failure"),
    [
        (
            {"channels": {"sms": {"text": "{{ body.x }}"}}},
            Failure("'x' is undefined", None, "channels.sms.text", 1, "{{ body.x }}"),
        ),
        (
            {"to": [{"phone": "{{ body.oncall }}"}]},
            Failure("'oncall' is undefined", None, "to[0].phone", 1, "{{ body.oncall }}"),
        ),
        ({"scenario": "nowhere"}, Failure("no key is configured for nowhere", None, "scenario")),
        (
            {"to": "body.text"},
            Failure("expected a list of {phone, email}", None, "to"),
        ),
    ],
)
def test_a_failure_names_the_field(world: World, fields: dict[str, Any], failure: Failure) -> None:
    source = world.add_source("ci", {"all": ROUTE | fields})
    explanation = explain(world, source, {"text": "hi"})
    assert (explanation.outcome, explanation.routes[0].failures) == ("parked", (failure,))


def test_a_route_that_can_not_be_compiled_is_told_too(world: World) -> None:
    source = world.add_source("ci", {"all": ROUTE, "wrong": {"scenario": "incident"}})
    explanation = explain(world, source, {"text": "hi"})
    assert [(route.route, route.verdict) for route in explanation.routes] == [("all", "matched"), ("wrong", "failed")]
    assert explanation.outcome == "parked"


def test_a_forged_webhook_is_refused_and_its_routes_are_told_all_the_same(world: World) -> None:
    source = world.add_source("ci", {"all": ROUTE})
    explanation = explain(world, source, {"text": "hi"}, authorization="Bearer wrong")
    assert explanation.proof is not None
    assert (explanation.outcome, explanation.proof.scheme, explanation.proof.verified) == ("refused", "bearer", False)
    assert explanation.problem == explanation.proof.problem
    assert explanation.routes[0].verdict == "matched"


@pytest.mark.parametrize(
    ("settings", "body", "errors"),
    [
        ({}, b"{", ()),
        ({"schema": {"type": "object", "required": ["id"]}}, {}, ("id: is missing",)),
        ({"format": "message"}, {"to": []}, ("to: expected 1 or more", "scenario: expected a value")),
    ],
)
def test_a_body_that_is_refused_tells_its_fields(
    world: World, settings: dict[str, Any], body: Any, errors: tuple[str, ...]
) -> None:
    explanation = explain(world, world.add_source("ci", **settings), body)
    assert explanation.outcome == "refused"
    assert explanation.problem
    assert explanation.errors[:2] == errors


class LocalSns(FakeSns):
    """Has the certificate by which the example events are signed."""

    def fetch(self, url: str) -> bytes:
        return local_certificate(url)


def test_a_handshake_is_told_and_confirms_nothing(world: World) -> None:
    request = http.inbound_request(event_files.load("sns-subscription"))
    topic = json.loads(request.body)["TopicArn"]
    source = world.add_source("sns", {"all": ROUTE}, (), verify={"preset": "sns", "topic_arns": [topic]})
    sns = LocalSns()
    explanation = replace(explainer(world), sns=sns).webhook(request, source)
    assert explanation.proof is not None
    assert (explanation.outcome, explanation.proof.verified, explanation.routes) == ("handshake", True, ())
    assert sns.confirmed == []


def test_a_handshake_without_a_proof_is_refused(world: World) -> None:
    source = world.add_source("ci", verify="slack")
    explanation = explain(world, source, {"type": "url_verification", "challenge": "x"})
    assert (explanation.outcome, explanation.routes) == ("refused", ())


def test_mutes_are_told(world: World) -> None:
    until = world.clock.now() + timedelta(hours=1)
    source = world.add_source("ci", {"one": ROUTE, "two": ROUTE | {"when": "body.no"}})
    assert explain(world, replace(source, mutes={WHOLE: until}), {"text": "hi"}).outcome == "muted"
    explanation = explain(world, replace(source, mutes={"one": until, "two": until}), {"text": "hi"})
    assert explanation.outcome == "muted"
    assert [route.verdict for route in explanation.routes] == ["muted", "unmatched"]


def test_a_text_tells_its_size_as_an_sms(world: World) -> None:
    source = world.add_source("ci", {"all": ROUTE | {"channels": {"sms": {}, "email": {"subject": "S"}}}})
    [message] = explain(world, source, {"text": "я" * 71}).routes[0].messages
    sizes = {text.channel: text.sms.segments if text.sms else None for text in message.texts}
    assert sizes["sms"] == 2
    assert sizes["email"] is None
    assert {text.channel: text.subject for text in message.texts}["email"] == "S"
    assert message.method == "/omni/1/advanced"


def test_an_event_of_the_queue_needs_no_request(world: World) -> None:
    source = world.add_source("ci", {"all": ROUTE})
    explanation = explainer(world).event(an_event(world), source)
    assert (explanation.outcome, explanation.proof, explanation.event_id) == ("messages", None, "e1")


OTHER = [{"phone": "+41793026731"}]
STEPS = [{"within": "5m", "to": OTHER, "text": "nobody has {{ body.text }}"}, {"within": "90s", "text": "still"}]


def test_what_follows_an_undelivered_message_is_told(world: World) -> None:
    source = world.add_source("ci", {"all": ROUTE | {"unless_delivered": STEPS}})
    [message] = explain(world, source, {"text": "it"}).routes[0].messages
    [first] = message.then
    [second] = first.then
    assert (first.within, first.to[0]["phone"], first.texts[0].text) == (300, "41793026731", "nobody has it")
    assert (second.within, second.to[0]["phone"], second.texts[0].text) == (90, "41793026727", "still")
    assert second.then == ()


def test_a_mistake_in_what_follows_is_told_at_its_line(world: World) -> None:
    wrong = {"within": "5m", "text": "a\n{{ body.who }}"}
    source = world.add_source("ci", {"all": ROUTE | {"unless_delivered": wrong}})
    [failure] = explain(world, source, {"text": "it"}).routes[0].failures
    assert failure == Failure("'who' is undefined", None, "unless_delivered.text", 2, "{{ body.who }}")


def test_a_dispatch_of_the_queue_is_explained_by_itself(world: World) -> None:
    source = world.add_source("ci", {"all": ROUTE})
    world.relayer.relay(an_event(world), source, delivery="queued")
    [(item, _)] = world.outbox.queue
    assert item.dispatch is not None
    explanation = explainer(world).dispatch(item.dispatch)
    assert (explanation.outcome, explanation.event_id, explanation.routes[0].route) == ("messages", "e1", "all")
    world.configuration.scenarios.clear()
    assert explainer(world).dispatch(item.dispatch).routes[0].failures[0].field == "scenario"


def an_event(world: World) -> Event:
    return Event(source="ci", id="e1", headers={}, body={"text": "hi"}, received_at=world.clock.now())


def test_a_get_that_no_handshake_has_is_refused(world: World) -> None:
    source = world.add_source("ci", {"all": ROUTE})
    request = InboundRequest("GET", "/webhooks/ci", "", {}, b"", world.clock.now())
    explanation = explainer(world).webhook(request, source)
    assert (explanation.outcome, explanation.proof) == ("refused", None)
