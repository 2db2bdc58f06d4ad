"""Handlers read API Gateway's payload and give answers of the contract. Each sample of events/ verifies as shipped."""

import base64
import json
from pathlib import Path

import pytest
import yaml

from handlers import http
from relay.configure.sources import parse_source
from relay.deliver.outcomes import Outcome
from relay.problems import (
    DuplicateInFlight,
    FieldError,
    InvalidBody,
    MalformedRequest,
    MethodNotAllowed,
    NotAuthenticated,
)
from relay.receive.handshakes import Answer
from sandbox import local_tokens
from tests.support.certificates import local_certificate

ROOT = Path(__file__).parents[3]
SAMPLES = sorted((ROOT / "events").glob("webhook-*.json"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_verifies_as_it_is_shipped(sample):
    sources = sources_of("relay.yaml") | sources_of("events/senders.yaml")
    secrets = sources_of("secrets.local.yaml") | sources_of("events/senders-secrets.yaml")
    event = json.loads(sample.read_text())
    name = event["pathParameters"]["source"]
    settings = {key: value for key, value in sources[name].items() if key != "routes"}
    secret = secrets.get(name, ())
    source = parse_source(name, settings, {}, (secret,) if isinstance(secret, str) else tuple(secret))
    source.verification.check(http.inbound_request(event), source.secrets, local_certificate, local_tokens.keys)


def sources_of(file):
    return yaml.safe_load((ROOT / file).read_text())["sources"]


def an_event(**changes):
    context = {"http": {"method": "POST"}, "timeEpoch": 1_767_600_000_123, "requestId": "r1"}
    return {"requestContext": context, "rawPath": "/webhooks/ci", "headers": {"X-One": "1"}, **changes}


def test_a_body_arrives_as_the_bytes_that_were_sent():
    raw = b"\x00\xff\xfe signed"
    encoded = an_event(body=base64.b64encode(raw).decode(), isBase64Encoded=True)
    assert http.inbound_request(encoded).body == raw
    assert http.inbound_request(an_event(body="grüezi")).body == "grüezi".encode()
    assert http.inbound_request(an_event()).body == b""


def test_header_names_are_lower_case_and_time_is_the_gateways():
    request = http.inbound_request(an_event())
    assert request.headers == {"x-one": "1"}
    assert request.received_at.timestamp() == pytest.approx(1_767_600_000.123)


@pytest.mark.parametrize("body", ["***", "YQ", "ä"])
def test_a_body_that_only_claims_to_be_base64_is_refused(body):
    with pytest.raises(MalformedRequest):
        http.inbound_request(an_event(body=body, isBase64Encoded=True))


@pytest.mark.parametrize(
    ("outcome", "status", "content"),
    [
        (Outcome("e", messages=[{"messageId": "m"}]), 200, {"outcome": "sent", "messages": [{"messageId": "m"}]}),
        (Outcome("e", queued=2, done_now=2), 202, {"outcome": "queued", "dispatches": 2}),
        (Outcome("e", queued=1, done_before=1), 202, {"outcome": "queued", "dispatches": 1, "duplicate": True}),
        (Outcome("e", parked=["why"]), 202, {"outcome": "parked", "reason": "why"}),
        (Outcome("e"), 200, {"outcome": "ignored"}),
        (Outcome("e", muted=True), 200, {"outcome": "muted"}),
    ],
)
def test_each_outcome_has_its_status_and_content(outcome, status, content):
    answer = http.answer(outcome)
    assert answer["statusCode"] == status
    assert json.loads(answer["body"]) == {"eventId": "e", **content}


def test_a_problem_says_what_to_do_and_when_to_try_again():
    answer = http.problem(InvalidBody("Mend it.", errors=[FieldError("to[0].phone", "expected a phone")]), "r1")
    assert answer["headers"]["content-type"] == "application/problem+json"
    content = json.loads(answer["body"])
    assert (content["status"], content["requestId"]) == (422, "r1")
    assert content["errors"] == [{"field": "to[0].phone", "problem": "expected a phone"}]
    assert int(http.problem(DuplicateInFlight("Wait."), "r1")["headers"]["retry-after"]) > 0
    assert "www-authenticate" in http.problem(NotAuthenticated("no"), "r1")["headers"]


@pytest.mark.parametrize(("accepted", "status"), [(200, 200), (202, 202)])
def test_what_is_queued_or_parked_is_answered_as_its_sender_understands(accepted, status):
    assert http.answer(Outcome("e", queued=1, accepted=accepted))["statusCode"] == status
    assert http.answer(Outcome("e", parked=["r"], accepted=accepted))["statusCode"] == status
    assert http.answer(Outcome("e", accepted=accepted))["statusCode"] == 200


def test_a_handshake_s_answer_is_no_page():
    answer = http.answer(Answer(204, "text/plain; charset=utf-8", "x", {"x-allowed": "y"}))
    assert (answer["statusCode"], answer["body"]) == (204, "x")
    assert answer["headers"] == {
        "content-type": "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
        "x-allowed": "y",
    }


def test_a_method_that_is_not_taken_is_answered_with_those_that_are():
    answer = http.problem(MethodNotAllowed(["GET", "POST"]), "r1")
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "GET, POST")
    assert json.loads(answer["body"])["detail"] == "Send GET or POST."
