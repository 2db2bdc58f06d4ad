"""A webhook is verified before it is read, and every refusal is one that the HTTP contract lists."""

import json
from datetime import UTC, datetime

import pytest

from relay.deliver.outcomes import Outcome
from relay.ports import ConfigurationUnavailable
from relay.problems import (
    InvalidBody,
    MalformedRequest,
    NotAuthenticated,
    PayloadTooLarge,
    TooManyHeaders,
    Unavailable,
    UnknownSource,
)
from relay.receive.webhooks import receive
from relay.verification.inbound import InboundRequest
from tests.support.fakes import FakeKeySets, FakeSns, World

ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "{{ body.text }}"}


@pytest.fixture
def world():
    return World()


def accept(world, body=b'{"text": "hi"}', source="ci", limit=1_000, outcome=None, **headers):
    headers = {"content-type": "application/json", "authorization": "Bearer local-secret", **headers}
    request = InboundRequest(
        method="POST",
        path=f"/webhooks/{source}",
        query="",
        headers={name.replace("_", "-"): value for name, value in headers.items() if value is not None},
        body=body,
        received_at=datetime.now(UTC),
    )
    return receive(
        source,
        request,
        Outcome() if outcome is None else outcome,
        configuration=world.configuration,
        relayer=world.relayer,
        sns=FakeSns(),
        key_sets=FakeKeySets(),
        max_body_bytes=limit,
    )


def test_a_verified_webhook_is_relayed(world):
    world.add_source("ci", {"all": ROUTE})
    assert accept(world).name == "sent"
    assert world.sent_texts == ["hi"]


def test_an_event_that_no_route_wants_is_ignored(world):
    world.add_source("ci", {"all": ROUTE | {"when": "body.text == 'no'"}})
    assert accept(world).name == "ignored"


@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", "Bearer", "", "Basic local-secret", "Bearer local-secre\xe9"]
)
def test_a_request_that_does_not_prove_its_sender_gets_401_and_is_not_read(world, authorization):
    world.add_source("ci", {"all": ROUTE})
    with pytest.raises(NotAuthenticated):
        accept(world, b"not json", authorization=authorization)


def test_a_source_without_a_secret_refuses_everything(world):
    world.add_source("ci", {"all": ROUTE}, secrets=())
    for authorization in ("Bearer ", "Bearer None", "Bearer local-secret"):
        with pytest.raises(NotAuthenticated):
            accept(world, authorization=authorization)


@pytest.mark.parametrize("source", ["nobody", "schedule", "CI", "../ci", "", "a" * 64, "ci\n"])
def test_an_unknown_source_is_404(world, source):
    world.add_source("ci", {"all": ROUTE})
    with pytest.raises(UnknownSource):
        accept(world, source=source)


def test_size_is_checked_before_anything_else(world):
    with pytest.raises(PayloadTooLarge):
        accept(world, b"x" * 1_001, source="nobody")
    with pytest.raises(TooManyHeaders):
        accept(world, source="nobody", x_padding="x" * 20_000)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 500])
def test_a_body_that_can_not_be_read_is_400(world, body):
    world.add_source("ci", {"all": ROUTE})
    with pytest.raises(MalformedRequest):
        accept(world, body)


def test_a_message_names_each_wrong_field(world):
    world.add_source("ci", format="message")
    body = {"to": [{"phone": "12"}, {"fax": "1"}], "scenario": "incident", "colour": "red"}
    with pytest.raises(InvalidBody) as refusal:
        accept(world, json.dumps(body).encode())
    assert {error.field for error in refusal.value.errors} >= {"to[0].phone", "colour"}
    assert "12" not in refusal.value.detail


def test_a_message_is_sent_once_under_its_own_id(world):
    world.add_source("ci", format="message")
    body = {"id": "order-1", "to": [{"phone": "+41793026727"}], "scenario": "incident", "text": "hi"}
    first = accept(world, json.dumps(body).encode())
    second = accept(world, json.dumps(body | {"text": "changed"}).encode())
    assert (first.event_id, first.name) == ("order-1", "sent")
    assert second.duplicate


def test_a_message_that_can_not_be_sent_is_refused_with_each_wrong_field(world):
    world.add_source("ci", format="message")
    body = {"to": [{"phone": "079 302 67 27"}, {"email": "ops@"}], "scenario": "incident", "channels": {"sms": {}}}
    with pytest.raises(InvalidBody) as refusal:
        accept(world, json.dumps(body).encode())
    assert [error.field for error in refusal.value.errors] == ["to[0].phone", "to[1].email", "channels.sms.text"]
    assert world.sent_texts == []


def test_a_body_that_its_schema_refuses_names_the_field(world):
    schema = {"type": "object", "properties": {"text": {"type": "integer"}}}
    world.add_source("ci", {"all": ROUTE}, schema=schema)
    with pytest.raises(InvalidBody) as refusal:
        accept(world)
    assert [error.field for error in refusal.value.errors] == ["text"]


ORDER = {
    "type": "object",
    "required": ["id", "total", "lines"],
    "properties": {
        "id": {"type": "string"},
        "total": {"type": "number", "minimum": 3},
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"], "properties": {"sku": {}}}},
        "to": {"$ref": "#/definitions/address"},
        "few": {"type": "array", "minItems": 25},
    },
    "additionalProperties": False,
    "definitions": {"address": {"type": "object", "required": ["city"]}},
}


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"total": "x", "q": 1}, {"id": "is missing", "lines": "is missing", "q": "", "total": "number"}),
        ({"id": 5, "total": 1, "lines": [{"sku": 1}, {}]}, {"id": "string", "total": "minimum 3", "lines[1].sku": ""}),
        ({"id": "a", "total": 5, "lines": [], "to": {}}, {"to.city": "is missing"}),
        ([], {"(body)": "type object"}),
        ({"id": "a", "total": 5, "lines": [{}] * 5_000}, {f"lines[{n}].sku": "" for n in range(20)}),
        ({"id": "a", "total": 5, "lines": [{"sku": 1}] * 5_000 + [{}]}, {"lines[5000].sku": "is missing"}),
        ({"id": 5, "total": "x", "lines": [], "to": {f"f{n}": n for n in range(3_000)}}, {"id": "string"}),
        ({"id": "a", "total": 5, "lines": [{}], "few": [1] * 30}, {"lines[0].sku": ""}),
        ({"id": "a", "total": 5, "lines": [], "few": [1] * 24}, {"few": "minItems 25"}),
    ],
    ids=[
        *(
            "missing, unknown and wrong",
            "nested",
            "by reference",
            "not an object",
            "thousands",
            "the last of thousands",
        ),
        *("many values", "a long list beside a mistake", "a list that is too short"),
    ],
)
def test_a_schema_names_each_field_that_is_wrong(world, body, wrong):
    world.add_source("ci", {"all": ROUTE}, schema=ORDER)
    with pytest.raises(InvalidBody) as refusal:
        accept(world, json.dumps(body).encode(), limit=100_000)
    errors = {error.field: error.problem for error in refusal.value.errors}
    assert errors.keys() == wrong.keys()
    for field, words in wrong.items():
        assert words in errors[field]


def test_a_part_of_a_schema_follows_the_draft_of_the_whole(world):
    part = {"type": "number", "minimum": 3, "exclusiveMinimum": True}  # a boolean in draft 4, a number in later drafts
    draft = "http://json-schema.org/draft-04/schema#"
    world.add_source("ci", {"all": ROUTE}, schema={"$schema": draft, "type": "object", "properties": {"n": part}})
    with pytest.raises(InvalidBody) as refusal:
        accept(world, b'{"n": 3}')
    assert [error.field for error in refusal.value.errors] == ["n"]


def test_events_whose_ids_can_not_be_kept_whole_are_told_apart_by_their_bodies(world):
    """Half a surrogate pair can't be kept, so two such ids would look alike."""
    world.add_source("ci", {"all": ROUTE}, id="body.id")
    for half in (rb"\ud801", rb"\udb01"):
        outcome = accept(world, b'{"text": "hi", "id": "%b"}' % half)
        assert (outcome.name, outcome.duplicate) == ("sent", False)
    assert len(world.omni.accepted) == 2


def test_without_a_configuration_the_sender_may_try_again(world):
    world.configuration.failure = ConfigurationUnavailable()
    with pytest.raises(Unavailable):
        accept(world)


def test_routes_never_see_a_credential(world):
    world.add_source("ci", {"all": ROUTE | {"text": "{{ headers | tojson }}"}})
    accept(world, x_hub_signature_256="sha256=00", cookie="session=1", x_api_key="key", x_kept="yes")
    [text] = world.sent_texts
    assert json.loads(text).keys() >= {"x-kept"}
    assert "local-secret" not in text
    assert not json.loads(text).keys() & {"authorization", "cookie", "x-api-key"}


def test_the_configured_expression_names_the_event(world):
    world.add_source("ci", {"all": ROUTE}, id="body.run.id")
    assert accept(world, b'{"text": "hi", "run": {"id": 17}}').event_id == "17"


@pytest.mark.parametrize(
    "body", [b'{"text": "hi"}', b'{"text": "hi", "run": {"id": [1]}}', b'{"text": "hi", "run": 1}']
)
def test_without_a_usable_id_the_body_names_the_event(world, body):
    world.add_source("ci", {"all": ROUTE}, id="body.run.id")
    first, second = accept(world, body), accept(world, body)
    assert first.event_id.startswith("sha256-")
    assert second.duplicate
