"""Requests that set a webhook up are answered as their sender demands, and only after what it has to prove."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import TypeAdapter, ValidationError

from relay.configure.sources import Source, parse_source
from relay.problems import MalformedRequest, MethodNotAllowed, NotAuthenticated
from relay.receive.handshakes import Answer, answer_by_itself, answer_verified, confirms
from relay.verification import parse
from relay.verification.handshakes import Handshake
from relay.verification.inbound import InboundRequest
from tests.support.fakes import FakeSns

SECRET, TOKEN = "a fake secret", "a fake verify token"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SIGNED = {"preset": "hmac", "header": "X-Sig"}
TEXT, JSON = "text/plain; charset=utf-8", "application/json"


def source(verify: Any, *handshakes: Mapping[str, Any], secrets: tuple[str, ...] = (SECRET,)) -> Source:
    described = {"handshakes": list(handshakes)} if handshakes else {}
    return parse_source("x", {"verify": verify | described if handshakes else verify}, {}, secrets)


def request(
    method: str = "POST", query: str = "", headers: dict[str, str] | None = None, body: bytes = b""
) -> InboundRequest:
    return InboundRequest(method, "/webhooks/x", query, headers or {}, body, NOW)


def by_itself(of: Source, sent: InboundRequest) -> Answer | None:
    return answer_by_itself(of, sent, lambda: of.verification.check(sent, of.secrets))


def signed(content: Any, secret: str = SECRET) -> InboundRequest:
    body = json.dumps(content).encode()
    return request(headers={"x-sig": hmac.new(secret.encode(), body, "sha256").hexdigest()}, body=body)


def verified(of: Source, content: Any, secret: str = SECRET) -> Answer | None:
    return answer_verified(of, signed(content, secret), content)


def test_slack_s_challenge_is_answered_as_plain_text() -> None:
    answer = verified(source("slack"), {"type": "url_verification", "challenge": "3eZbrw1a"})
    assert answer == Answer(200, TEXT, "3eZbrw1a")


@pytest.mark.parametrize("challenge", [None, [], {"a": 1}, "x" * 1025, "a\nb", "é", "\x00", "\ufffd"])
def test_a_strange_challenge_is_not_echoed(challenge: Any) -> None:
    assert verified(source("slack"), {"type": "url_verification", "challenge": challenge}) == Answer(200, TEXT, "")


@pytest.mark.parametrize("body", [{"type": "event_callback"}, {}, [], None, "url_verification", {"type": []}])
def test_an_event_is_no_handshake(body: Any) -> None:
    assert verified(source("slack"), body) is None
    assert not confirms(parse("slack"), body, FakeSns())


def test_the_challenge_of_another_sender_is_not_echoed() -> None:
    body = {"type": "url_verification", "challenge": "x"}
    assert verified(source("github"), body) is None
    assert not confirms(parse("github"), body, FakeSns())


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT"])
@pytest.mark.parametrize("verify", ["slack", "github", "bearer"])
def test_a_source_without_such_a_handshake_takes_posts_only(verify: str, method: str) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        by_itself(source(verify), request(method))
    assert caught.value.allowed == ("POST",)


VERIFY_TOKEN = {
    "method": "GET",
    "when": {"query:hub.mode": "subscribe"},
    "proof": "query:hub.verify_token",
    "answer": "{query:hub.challenge}",
}


def subscribe(**changed: str) -> InboundRequest:
    fields = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}
    return request("GET", urlencode(fields | {f"hub.{name}": value for name, value in changed.items()}))


def test_a_verify_token_is_proven_before_its_challenge_is_echoed() -> None:
    of = source(SIGNED, VERIFY_TOKEN, secrets=(SECRET, f"verify-token:{TOKEN}"))
    assert by_itself(of, subscribe()) == Answer(200, TEXT, "1158201444")
    for token in ("wrong", SECRET, f"verify-token:{TOKEN}"):
        with pytest.raises(NotAuthenticated, match="wrong token"):
            by_itself(of, subscribe(verify_token=token))
    with pytest.raises(NotAuthenticated, match=r"missing query hub\.verify_token"):
        by_itself(of, subscribe(verify_token=""))
    with pytest.raises(MalformedRequest):
        by_itself(of, subscribe(mode="other"))
    with pytest.raises(MethodNotAllowed) as caught:
        by_itself(of, request("OPTIONS"))
    assert caught.value.allowed == ("GET", "POST")


@pytest.mark.parametrize("secrets", [(SECRET,), (), ("verify-token:",), ("verify-token: ",)])
def test_without_a_verify_token_nothing_is_echoed(secrets: tuple[str, ...]) -> None:
    for token in (TOKEN, " ", SECRET):
        with pytest.raises(NotAuthenticated):
            by_itself(source(SIGNED, VERIFY_TOKEN, secrets=secrets), subscribe(verify_token=token))


def test_a_verify_token_is_no_key_of_an_event() -> None:
    """It stands in addresses, so others may know it."""
    of = source(SIGNED, VERIFY_TOKEN, secrets=(f"verify-token:{TOKEN}",))
    for key in (TOKEN, f"verify-token:{TOKEN}"):
        with pytest.raises(NotAuthenticated, match="no secret configured"):
            of.verification.check(signed({}, key), of.secrets)


def test_a_challenge_may_need_no_proof() -> None:
    of = source(
        SIGNED, {"method": "GET", "when": {"query:challenge": "*"}, "proof": "none", "answer": "{query:challenge}"}
    )
    assert by_itself(of, request("GET", "challenge=a%20b%3C")) == Answer(200, TEXT, "a b<")
    for query in ("", "challenge=", "challenge=a&challenge=b", "other=a"):
        with pytest.raises(MalformedRequest):
            by_itself(of, request("GET", query))
    for query in ("challenge=%ff", "a&" * 2000):
        with pytest.raises(NotAuthenticated, match="malformed query"):
            by_itself(of, request("GET", query))
    assert by_itself(of, request("GET", f"challenge={'x' * 1025}")) == Answer(200, TEXT, "")
    assert by_itself(of, request("GET", "challenge=a%0d%0ab")) == Answer(200, TEXT, "")


def test_a_post_may_set_a_webhook_up_without_a_body_or_a_proof() -> None:
    of = source(
        {"preset": "api-key", "field": "value[].clientState"},
        {"when": {"query:validationToken": "*"}, "proof": "none", "answer": "{query:validationToken}"},
    )
    query = urlencode({"validationToken": "Validation: Testing client application"})
    answer = by_itself(of, request(query=query))
    assert answer == Answer(200, TEXT, "Validation: Testing client application")
    assert by_itself(of, request(body=b'{"value": []}')) is None


def test_a_get_may_prove_itself_as_an_event_does() -> None:
    of = source(
        {"preset": "api-key", "header": "Authorization"},
        {
            "method": "GET",
            "when": {"header:X-Okta-Verification-Challenge": "*"},
            "answer": {"verification": "{header:x-okta-verification-challenge}"},
        },
    )
    headers = {"x-okta-verification-challenge": "ch4llenge", "authorization": SECRET}
    assert by_itself(of, request("GET", headers=headers)) == Answer(200, JSON, '{"verification": "ch4llenge"}')
    with pytest.raises(NotAuthenticated, match="wrong token"):
        by_itself(of, request("GET", headers=headers | {"authorization": "x"}))


def test_a_challenge_is_answered_with_its_hmac_by_the_secret_that_signed_it() -> None:
    described = {
        "when": {"field:event": "endpoint.url_validation"},
        "answer": {
            "plainToken": "{field:payload.plainToken}",
            "encryptedToken": "{hmac-sha256-hex:field:payload.plainToken}",
        },
    }
    of = source(SIGNED, described, secrets=("an older secret", f"verify-token:{TOKEN}", SECRET))
    answer = verified(of, {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}})
    assert answer
    expected = hmac.new(SECRET.encode(), b"qgg8vlvZRS6UYooatFL8Aw", "sha256").hexdigest()
    assert json.loads(answer.body) == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": expected}
    assert by_itself(of, signed({"event": "endpoint.url_validation"})) is None
    assert verified(of, {"event": "meeting.started"}) is None


def test_an_answer_may_be_a_number_a_status_alone_or_have_headers() -> None:
    ping = source(SIGNED, {"when": {"field:type": 1}, "answer": {"type": 1, "ok": True}})
    assert verified(ping, {"type": 1}) == Answer(200, JSON, '{"type": 1, "ok": true}')
    assert verified(ping, {"type": 2}) is None
    assert verified(source(SIGNED, {"when": {"field:type": 0}, "status": 204}), {"type": 0}) == Answer(204, TEXT, "")
    asked = {"webhook-request-origin": "eventgrid.azure.net"}
    allow = source(
        {"preset": "api-key", "query": "code"},
        {
            "method": "OPTIONS",
            "when": {"header:WebHook-Request-Origin": "eventgrid.azure.net"},
            "headers": {"WebHook-Allowed-Origin": "{header:WebHook-Request-Origin}", "WebHook-Allowed-Rate": "*"},
        },
    )
    query = urlencode({"code": SECRET})
    assert by_itself(allow, request("OPTIONS", query, asked)) == Answer(
        200, TEXT, "", {"webhook-allowed-origin": "eventgrid.azure.net", "webhook-allowed-rate": "*"}
    )
    with pytest.raises(NotAuthenticated, match="missing query code"):
        by_itself(allow, request("OPTIONS", "", asked))
    with pytest.raises(MalformedRequest):
        by_itself(allow, request("OPTIONS", query, {"webhook-request-origin": "evil.example"}))


def test_a_handshake_may_stand_in_a_list() -> None:
    described = {
        "when": {"header:aeg-event-type": "SubscriptionValidation", "field:[].data.validationCode": "*"},
        "answer": {"validationResponse": "{field:[].data.validationCode}"},
    }
    of = source(SIGNED, described)
    body = [{"data": {"validationCode": "512d38b6"}}]
    asked = request(headers={"aeg-event-type": "SubscriptionValidation"})
    assert answer_verified(of, asked, body) == Answer(200, JSON, '{"validationResponse": "512d38b6"}')
    others: list[Any] = [body * 2, [], {}, [{"data": None}], "x"]
    for other in others:
        assert answer_verified(of, asked, other) is None


MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"when": {}}, "when", "at least 1 item"),
    ({"when": {"body.type": "x"}}, "when", "should match pattern"),
    ({"when": {"field:type": "x"}, "answer": "{body.challenge}"}, "answer", "unknown placeholder {body.challenge}"),
    ({"when": {"field:type": "x"}, "answer": "{hmac-md5-hex:field:a}"}, "answer", "unknown placeholder"),
    ({"when": {"field:type": "x"}, "method": "PUT"}, "method", "'GET', 'POST' or 'OPTIONS'"),
    ({"when": {"field:type": "x"}, "status": 302}, "status", "less than or equal to 299"),
    ({"when": {"field:type": "x"}, "proof": "token"}, "proof", "'signature' or 'none'"),
    ({"when": {"field:type": "x"}, "method": "GET"}, "", "GET has no body"),
    ({"when": {"query:a": "x"}, "method": "OPTIONS", "answer": {"a": "{field:b}"}}, "", "OPTIONS has no body"),
    ({"when": {"query:a": "x"}, "headers": {"X Y": "b"}}, "headers", "should match pattern"),
]


@pytest.mark.parametrize(("described", "field", "expected"), MISTAKES)
def test_a_mistake_names_the_field(described: dict[str, Any], field: str, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Handshake).validate_python(described)
    error, *_ = caught.value.errors()
    assert str(error["loc"][0] if error["loc"] else "") == field
    assert expected in error["msg"]
