"""Amazon SNS: signed messages of the configured topics are taken, and handshakes lead to SNS only."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.problems import NotAuthenticated, Unavailable
from relay.receive.handshakes import confirms
from relay.verification import parse
from relay.verification.inbound import InboundRequest
from sandbox import local_sns
from tests.support.fakes import FakeSns

TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
VERIFICATION = parse({"preset": "sns", "topic_arns": [TOPIC]})
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONFIRM = f"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "m-1",
    "TopicArn": TOPIC,
    "Subject": "ALARM",
    "Message": "Grüezi\n🚢",
    "Timestamp": "2026-03-01T12:00:00.000Z",
    "SignatureVersion": "2",
}
HANDSHAKE = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "m-2",
    "Token": "t",
    "TopicArn": TOPIC,
    "Message": "You have chosen to subscribe",
    "SubscribeURL": CONFIRM,
    "Timestamp": "2026-03-01T12:00:00.000Z",
    "SignatureVersion": "1",
}


class Certificates:
    def __init__(self, answer: bytes | Exception | None = None) -> None:
        self.answer = local_sns.certificate() if answer is None else answer
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def request(message: Any) -> InboundRequest:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return InboundRequest("POST", "/webhooks/sns", "", {"content-type": "text/plain; charset=UTF-8"}, body, NOW)


def refusal(message: Any, certificates: Certificates | None = None) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        VERIFICATION.check(request(message), [], certificates or Certificates())
    return caught.value.detail


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("message", [NOTIFICATION, HANDSHAKE, HANDSHAKE | {"Type": "UnsubscribeConfirmation"}])
def test_what_sns_signs_is_taken_without_a_secret(message: dict[str, Any], version: str) -> None:
    certificates = Certificates()
    VERIFICATION.check(request(local_sns.signed(message | {"SignatureVersion": version})), [], certificates)
    assert certificates.asked == [local_sns.CERTIFICATE_URL]


def test_a_subject_may_be_missing() -> None:
    plain = {name: value for name, value in NOTIFICATION.items() if name != "Subject"}
    VERIFICATION.check(request(local_sns.signed(plain)), [], Certificates())
    VERIFICATION.check(request(local_sns.signed(plain) | {"Subject": None}), [], Certificates())


@pytest.mark.parametrize("field", ["Message", "MessageId", "Subject", "Timestamp", "Type"])
def test_each_signed_field_is_covered(field: str) -> None:
    changed = "SubscriptionConfirmation" if field == "Type" else "changed"
    expected = "missing field SubscribeURL" if field == "Type" else "wrong signature"
    assert refusal(local_sns.signed(NOTIFICATION) | {field: changed}) == expected


@pytest.mark.parametrize("field", ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token"])
def test_each_signed_field_of_a_handshake_is_covered(field: str) -> None:
    assert refusal(local_sns.signed(HANDSHAKE) | {field: "changed"}) == "wrong signature"


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("Signature", "missing field Signature"),
        ("SignatureVersion", "missing field SignatureVersion"),
        ("SigningCertURL", "missing field SigningCertURL"),
        ("Message", "missing field Message"),
        ("Type", "missing field Type"),
        ("TopicArn", "topic not configured"),
    ],
)
def test_each_missing_field_is_named(field: str, reason: str) -> None:
    signed = local_sns.signed(NOTIFICATION)
    assert refusal({name: value for name, value in signed.items() if name != field}) == reason
    strange_values: tuple[Any, ...] = (None, 7, [], {}, True)
    for strange in strange_values:
        assert refusal(signed | {field: strange}) == reason


def test_another_topic_is_refused_before_anything_is_fetched() -> None:
    certificates = Certificates()
    other = local_sns.signed(NOTIFICATION | {"TopicArn": TOPIC + "2"})
    assert refusal(other, certificates) == "topic not configured"
    assert certificates.asked == []


ELSEWHERE = [
    "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
    "https://sns.eu-central-1.amazonaws.com@evil.example/a.pem",
    "https://evil.example/sns.eu-central-1.amazonaws.com/a.pem",
    "https://sns.eu-central-1.amazonaws.com:8443/a.pem",
    "https://sns.eu-central-1.amazonaws.com/a.pem?x=1",
    "https://sns.eu-central-1.amazonaws.com/a.pem#x",
    "https://sns.eu-central-1.amazonaws.com/../a.pem",
    "https://sns.eu-central-1.amazonaws.com/a/b.pem",
    "https://sns.eu-central-1.amazonaws.com/a.pem\n",
    "https://xsns.eu-central-1.amazonaws.com/a.pem",
    "https://sns.evil.amazonaws.com/a.pem",
    "https://bucket.s3.amazonaws.com/a.pem",
    "https://sns.eu-central-1.amazonaws.com.cn.evil.example/a.pem",
    "https://sns.eu-central-\u0661.amazonaws.com/a.pem",
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_certificate_from_elsewhere_is_never_fetched(url: str) -> None:
    certificates = Certificates()
    assert refusal(local_sns.signed(NOTIFICATION) | {"SigningCertURL": url}, certificates) == (
        "SigningCertURL is not an address of SNS"
    )
    assert certificates.asked == []


@pytest.mark.parametrize(
    "host",
    ["sns.us-east-1.amazonaws.com", "sns.us-gov-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"],
)
def test_the_hosts_of_sns_are_known(host: str) -> None:
    url = f"https://{host}/SimpleNotificationService-0123456789abcdef.pem"
    certificates = Certificates()
    VERIFICATION.check(request(local_sns.signed(NOTIFICATION) | {"SigningCertURL": url}), [], certificates)
    assert certificates.asked == [url]


@pytest.mark.parametrize("signature", ["", "x", "%%%", "AAAA", "A" * 344, "é", "\ud800"])
def test_a_strange_signature_is_refused(signature: str) -> None:
    assert refusal(local_sns.signed(NOTIFICATION) | {"Signature": signature}) in (
        "malformed signature",
        "wrong signature",
    )


@pytest.mark.parametrize("version", ["0", "3", "", "2 ", "SHA1"])
def test_an_unknown_version_is_refused(version: str) -> None:
    assert refusal(local_sns.signed(NOTIFICATION) | {"SignatureVersion": version}) == "unknown SignatureVersion"


def test_a_signature_of_one_version_does_not_do_for_the_other() -> None:
    assert refusal(local_sns.signed(NOTIFICATION) | {"SignatureVersion": "1"}) == "wrong signature"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"a":' * 90_000, b"1" * 5000])
def test_a_body_that_is_no_message_is_refused(body: bytes) -> None:
    assert refusal(body) == "malformed body"


def test_text_that_is_no_unicode_is_refused() -> None:
    body = json.dumps(local_sns.signed(NOTIFICATION)).replace("ALARM", "\\ud800").encode()
    assert refusal(body) in ("malformed body", "wrong signature")


@pytest.mark.parametrize(
    "pem", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_broken_certificate_is_refused(pem: bytes) -> None:
    assert refusal(local_sns.signed(NOTIFICATION), Certificates(pem)) == "malformed certificate"


def test_a_certificate_that_can_t_be_fetched_is_no_forgery() -> None:
    certificates = Certificates(Unavailable(local_sns.CERTIFICATE_URL))
    with pytest.raises(Unavailable):
        VERIFICATION.check(request(local_sns.signed(NOTIFICATION)), [], certificates)


def test_without_a_source_of_certificates_everything_is_refused() -> None:
    with pytest.raises(NotAuthenticated, match="no source of certificates"):
        VERIFICATION.check(request(local_sns.signed(NOTIFICATION)), ["a secret does not help"])


@pytest.mark.parametrize("year", [2019, 2121])
def test_a_certificate_counts_in_its_own_time_only(year: int) -> None:
    signed = request(local_sns.signed(NOTIFICATION))
    then = InboundRequest("POST", "", "", {}, signed.body, datetime(year, 6, 1, tzinfo=UTC))
    with pytest.raises(NotAuthenticated, match="certificate not valid now"):
        VERIFICATION.check(then, [], Certificates())


def test_a_subscription_is_confirmed_at_sns_and_answered_with_nothing() -> None:
    sns = FakeSns()
    assert confirms(VERIFICATION, HANDSHAKE, sns)
    assert sns.confirmed == [CONFIRM]


@pytest.mark.parametrize(
    "url",
    [
        CONFIRM.replace("https", "http"),
        CONFIRM.replace("amazonaws.com", "amazonaws.com.evil.example"),
        CONFIRM.replace("amazonaws.com/", "amazonaws.com@evil.example/"),
        CONFIRM.replace("/?", "/path?"),
        CONFIRM.replace("ConfirmSubscription", "Subscribe"),
        CONFIRM.replace(TOPIC, TOPIC + "2"),
        CONFIRM.replace("Action=ConfirmSubscription&", ""),
        "https://sns.eu-central-1.amazonaws.com/",
        "",
        None,
        7,
    ],
)
def test_a_confirmation_that_leads_elsewhere_is_refused(url: Any) -> None:
    message = HANDSHAKE | {"SubscribeURL": url}
    with pytest.raises(NotAuthenticated, match="SubscribeURL is not an address of SNS"):
        confirms(VERIFICATION, message, sns := FakeSns())
    assert sns.confirmed == []


def test_an_unsubscription_is_neither_followed_nor_routed() -> None:
    message = HANDSHAKE | {"Type": "UnsubscribeConfirmation"}
    assert confirms(VERIFICATION, message, sns := FakeSns())
    assert sns.confirmed == []


def test_a_notification_is_an_event() -> None:
    assert not confirms(VERIFICATION, NOTIFICATION, FakeSns())
