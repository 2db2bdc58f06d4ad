"""Hostile bytes are refused with NotAuthenticated, raise no other error, and no forged request is accepted."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.configure.sources import parse_source
from relay.problems import NotAuthenticated
from relay.receive.handshakes import answer_verified, confirms
from relay.verification import Verification, parse
from relay.verification.inbound import InboundRequest
from sandbox import local_sns
from sandbox.signing import sign
from tests.support.certificates import local_certificate
from tests.support.fakes import FakeSns
from tests.unit.verification.senders import NOW, SENDERS, SIGNING, Sender

SNS = {"preset": "sns", "topic_arns": ["arn:aws:sns:eu-central-1:123456789012:alarms"]}
any_text = st.text(st.characters(codec=None, categories=None), max_size=200)
near_misses = st.sampled_from(
    [
        "v1=",
        "v1,",
        "v1a,",
        "v0=",
        "t=",
        "sha256=",
        "Basic ",
        "Bearer ",
        "whsec_",
        "=",
        ",",
        " ",
        "AAAA",
        "0" * 64,
        "1772366400",
    ]
)
header_value = st.one_of(any_text, st.lists(st.one_of(near_misses, any_text), max_size=6).map("".join))
json_value = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(any_text, inner, max_size=4)),
    max_leaves=10,
)

pytestmark = pytest.mark.no_cover  # unit tests cover this code, and tracing thousands of examples takes long


def taken(verification: Verification, request: InboundRequest, secrets: tuple[str, ...]) -> bool:
    try:
        verification.check(request, secrets, local_certificate)
    except NotAuthenticated:
        return False
    return True


@pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_hostile_headers_queries_and_bodies_are_refused(sender: Sender, data: st.DataObject) -> None:
    headers = {name: data.draw(header_value) for name in sender.proof}
    headers["content-type"] = data.draw(st.one_of(st.just(sender.content_type), any_text))
    request = sender.request(
        headers=headers, body=data.draw(st.binary(max_size=300)), query=data.draw(st.one_of(st.just(""), any_text))
    )
    assert not taken(parse(sender.verify), request, (sender.secret,))


@pytest.mark.parametrize("sender", SIGNING, ids=lambda sender: sender.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_request_with_one_altered_byte_is_refused(sender: Sender, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(sender.body) - 1))
    flipped = data.draw(st.integers(1, 255))
    body = bytearray(sender.body)
    body[position] ^= flipped
    if sender.name.startswith("twilio-form") and set(_pairs(bytes(body))) == set(_pairs(sender.body)):
        return  # the body holds the signed fields in another spelling, such as + for %20
    assert not taken(parse(sender.verify), sender.request(body=bytes(body)), (sender.secret,))


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return [(name + value, "") for name, value in parse_qsl(body.decode("latin-1"), keep_blank_values=True)]


@settings(max_examples=200, deadline=None)
@given(
    body=st.one_of(st.binary(max_size=300), json_value.map(lambda value: json.dumps(value).encode("utf-8", "replace")))
)
def test_a_hostile_sns_body_is_refused(body: bytes) -> None:
    request = InboundRequest("POST", "", "", {}, body, NOW)
    assert not taken(parse(SNS), request, ())


@settings(max_examples=200, deadline=None)
@given(
    changes=st.dictionaries(
        st.sampled_from(["Type", "Signature", "SigningCertURL", "Message", "Subject"]), json_value, min_size=1
    )
)
def test_a_genuine_sns_message_with_a_changed_field_is_refused(changes: dict[str, Any]) -> None:
    message = {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": SNS["topic_arns"][0],
        "Message": "x",
        "Timestamp": "t",
    }
    signed = local_sns.signed(message | {"SignatureVersion": "2"})
    if all(signed.get(name) == value for name, value in changes.items()):
        return
    request = InboundRequest("POST", "", "", {}, json.dumps(signed | changes).encode("utf-8", "replace"), NOW)
    assert not taken(parse(SNS), request, ())


@settings(max_examples=200, deadline=None)
@given(body=json_value, header=any_text)
def test_any_body_has_an_id_that_is_short_and_printable_or_none(body: Any, header: str) -> None:
    request = InboundRequest("POST", "", "", {"x-github-delivery": header, "webhook-id": header}, b"", NOW)
    for name in ("github", "standard-webhooks", "stripe", "pagerduty", "slack", "alertmanager"):
        verification = parse(name)
        found = verification.event_id(request, body)
        assert found is None or (0 < len(found) <= 128 and found.isascii() and found.isprintable())
        answer_verified(parse_source(name, {"verify": name}, {}, ()), request, body)
        confirms(verification, body, FakeSns())


# These sign a query or within the body, or with a private key of their own.
OTHERWISE = (
    "twilio-json",
    "ed25519",
    "linear",
    "mailgun",
    "microsoft-graph",
    "event-grid",
    "adyen",
    "discord",
    "sendgrid",
    "public-key",
)
VERIFY_OF = {sender.name: sender for sender in SENDERS if sender.name not in OTHERWISE}


@pytest.mark.parametrize("name", VERIFY_OF)
@settings(max_examples=25, deadline=None)
@given(body=st.binary(max_size=300), milliseconds=st.integers(0, 4_000_000_000_000))
def test_any_body_that_the_sandbox_signs_is_accepted(name: str, body: bytes, milliseconds: int) -> None:
    sender, now = VERIFY_OF[name], datetime.fromtimestamp(milliseconds / 1000, UTC)
    if name.startswith("twilio-form"):
        body = sender.body
    headers = sign(name, sender.verify, sender.secret, body, event_id="msg_1", now=now)
    headers["content-type"] = sender.content_type
    assert taken(parse(sender.verify), sender.request(headers=headers, body=body, received_at=now), (sender.secret,))
