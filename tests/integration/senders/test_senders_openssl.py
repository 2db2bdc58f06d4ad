"""Signatures that openssl makes as the senders' documentation describes, with keys and certificates of its own."""

import base64
import json
import subprocess
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate
from google.auth import jwt as google_jwt
from google.auth.crypt import RSASigner

from relay.problems import NotAuthenticated
from relay.verification import parse
from relay.verification.inbound import InboundRequest
from sandbox import event_files
from tests.support.senders import every_source

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
NOTIFICATION = (
    ("Message", "Zwölf Boxkämpfer\nund ein Boot 🚢"),
    ("MessageId", "2d5cd0a9-0b7c-5d3a-9a55-8b2a1f1f0b3e"),
    ("Subject", "ALARM"),
    ("Timestamp", "2026-03-01T12:00:00.000Z"),
    ("TopicArn", TOPIC),
    ("Type", "Notification"),
)
SUBSCRIPTION = (
    ("Message", "You have chosen to subscribe"),
    ("MessageId", "2d5cd0a9-0b7c-5d3a-9a55-8b2a1f1f0b3f"),
    ("SubscribeURL", f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"),
    ("Timestamp", "2026-03-01T12:00:00.000Z"),
    ("Token", "t"),
    ("TopicArn", TOPIC),
    ("Type", "SubscriptionConfirmation"),
)
SECRETS = every_source().secrets["sources"]
DIGESTS = {"1": "-sha1", "2": "-sha256"}


class Signer:
    """A key pair and its self-signed certificate."""

    def __init__(self, folder: Path) -> None:
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=sns.test"]
        paths = ["-keyout", str(self.key), "-out", str(self.certificate)]
        subprocess.run([*command, *paths], check=True, capture_output=True, timeout=60)

    def fetch(self, url: str) -> bytes:
        assert url == URL
        return self.certificate.read_bytes()

    def request(self, fields: tuple[tuple[str, str], ...], version: str) -> InboundRequest:
        lines = "".join(f"{name}\n{value}\n" for name, value in fields).encode()
        command = ["openssl", "dgst", DIGESTS[version], "-sign", str(self.key)]
        signature = subprocess.run(command, input=lines, check=True, capture_output=True, timeout=60).stdout
        envelope = {
            "SignatureVersion": version,
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": URL,
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
            "MessageAttributes": {"unsigned": {"Type": "String", "Value": "x"}},
        }
        body = json.dumps(dict(fields) | envelope).encode()
        return InboundRequest("POST", "/webhooks/sns", "", {}, body, datetime.now(UTC))


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("stranger"))


@pytest.mark.parametrize("version", DIGESTS)
@pytest.mark.parametrize("fields", [NOTIFICATION, NOTIFICATION[:2] + NOTIFICATION[3:], SUBSCRIPTION])
def test_what_openssl_signs_is_taken(signer: Signer, fields: tuple[tuple[str, str], ...], version: str) -> None:
    verification = parse({"preset": "sns", "topic_arns": ["arn:aws:sns:eu-west-1:123456789012:others", TOPIC]})
    verification.check(signer.request(fields, version), [], signer.fetch)


@pytest.mark.parametrize("version", DIGESTS)
def test_another_certificate_s_signature_is_refused(signer: Signer, stranger: Signer, version: str) -> None:
    verification = parse({"preset": "sns", "topic_arns": [TOPIC]})
    with pytest.raises(NotAuthenticated, match="wrong signature"):
        verification.check(signer.request(NOTIFICATION, version), [], stranger.fetch)


PAYPAL_URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
PAYPAL = parse({"preset": "paypal", "webhook_id": "9XL90610J3647323C"})


def paypal_request(signer: Signer, body: bytes, webhook: str = "9XL90610J3647323C") -> InboundRequest:
    identity, at = "d938e770-8046-11e6-8103-6b62a8a99ac4", "2026-03-01T12:00:00Z"
    content = f"{identity}|{at}|{webhook}|{zlib.crc32(body)}".encode()
    command = ["openssl", "dgst", "-sha256", "-sign", str(signer.key)]
    signature = subprocess.run(command, input=content, check=True, capture_output=True, timeout=60).stdout
    headers = {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": PAYPAL_URL,
        "paypal-transmission-id": identity,
        "paypal-transmission-sig": base64.b64encode(signature).decode(),
        "paypal-transmission-time": at,
    }
    return InboundRequest("POST", "/webhooks/paypal", "", headers, body, datetime.now(UTC))


def test_what_openssl_signs_for_paypal_is_taken_and_a_forgery_is_not(signer: Signer, stranger: Signer) -> None:
    def certificate(url: str) -> bytes:
        assert url == PAYPAL_URL
        return signer.certificate.read_bytes()

    body = b'{"id":"WH-1","event_type":"PAYMENT.CAPTURE.DENIED"}'
    request = paypal_request(signer, body)
    PAYPAL.check(request, [], certificate)
    altered = replace(request, body=body.replace(b"DENIED", b"PASSED"))
    for forged in (paypal_request(stranger, body), paypal_request(signer, body, "0XL90610J3647323C"), altered):
        with pytest.raises(NotAuthenticated, match="wrong signature"):
            PAYPAL.check(forged, [], certificate)
    for name in request.headers:
        without = {key: value for key, value in request.headers.items() if key != name}
        with pytest.raises(NotAuthenticated):
            PAYPAL.check(replace(request, headers=without), [], certificate)


@pytest.mark.parametrize("host", ["evil.example.com", "api.paypal.com.evil.example.com", "api.paypal.com@evil.example"])
def test_paypal_s_certificate_comes_from_paypal_only(signer: Signer, host: str) -> None:
    request = paypal_request(signer, b"{}")
    elsewhere = {**request.headers, "paypal-cert-url": PAYPAL_URL.replace("api.paypal.com", host)}
    with pytest.raises(NotAuthenticated, match="not PayPal's"):
        PAYPAL.check(replace(request, headers=elsewhere), [], lambda _url: pytest.fail("fetched"))


AUDIENCE, ACCOUNT = "https://relay.example.com/webhooks/pubsub", "pusher@example-project.iam.gserviceaccount.com"
PUBSUB = parse({"preset": "pubsub", "audience": AUDIENCE, "email": ACCOUNT})
CLAIMS = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": ACCOUNT, "email_verified": True}


def pubsub_request(signer: Signer, at: datetime, **changed: Any) -> InboundRequest:
    """Signs the token by Google's own library."""
    claims = {**CLAIMS, "iat": int(at.timestamp()), "exp": int(at.timestamp()) + 3600, **changed}
    token = google_jwt.encode(RSASigner.from_string(signer.key.read_text(), "google-key"), claims).decode()
    headers = {"authorization": f"Bearer {token}"}
    return InboundRequest("POST", "/webhooks/pubsub", "", headers, b'{"message":{}}', datetime.now(UTC))


def test_what_google_s_library_signs_for_pubsub_is_taken_and_other_tokens_are_not(
    signer: Signer, stranger: Signer
) -> None:
    def key_set(url: str, _max_age: float) -> list[dict[str, Any]]:
        assert url == "https://www.googleapis.com/oauth2/v3/certs"
        public = load_pem_x509_certificate(signer.certificate.read_bytes()).public_key()
        assert isinstance(public, RSAPublicKey)
        numbers = public.public_numbers()
        return [{"kty": "RSA", "kid": "google-key", "n": number(numbers.n), "e": number(numbers.e)}]

    now = datetime.now(UTC)
    PUBSUB.check(pubsub_request(signer, now), [], None, key_set)
    PUBSUB.check(pubsub_request(signer, now, iss="accounts.google.com"), [], None, key_set)
    wrong: list[dict[str, Any]] = [
        {"aud": "https://relay.example.com/webhooks/other"}, {"iss": "https://accounts.example.com"},
        {"email": "stranger@example.iam.gserviceaccount.com"}, {"email_verified": False},
    ]  # fmt: skip
    refused = [pubsub_request(signer, now, **changed) for changed in wrong]
    refused += [pubsub_request(stranger, now), pubsub_request(signer, now - timedelta(hours=2))]
    refused += [pubsub_request(signer, now + timedelta(hours=1)), replace(refused[0], headers={})]
    for request in refused:
        with pytest.raises(NotAuthenticated):
            PUBSUB.check(request, [], None, key_set)


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


# What a file of events/ has in its signature's header: digest, what is signed, prefix.
SHIPPED = [
    ("linear-issue", "linear-signature", "sha256", "{body}", ""),
    ("sentry-alert", "sentry-hook-signature", "sha256", "{body}", ""),
    ("zendesk-ticket", "x-zendesk-webhook-signature", "sha256", "2026-11-02T08:30:00Z{body}", "base64:"),
    ("intercom-conversation", "x-hub-signature", "sha1", "{body}", "sha1="),
    ("typeform-answer", "typeform-signature", "sha256", "{body}", "base64:sha256="),
    ("zoom-meeting-started", "x-zm-signature", "sha256", "v0:1793608200:{body}", "v0="),
    ("hubspot-deal", "x-hubspot-signature-v3", "sha256", "POST{url}hubspot{body}1793608200000", "base64:"),
    ("square-dispute", "x-square-hmacsha256-signature", "sha256", "{url}square{body}", "base64:"),
    ("bitbucket-build-failed", "x-hub-signature", "sha256", "{body}", "sha256="),
    ("jira-issue", "x-hub-signature", "sha256", "{body}", "sha256="),
    ("docusign-declined", "x-docusign-signature-1", "sha256", "{body}", "base64:"),
    ("vercel-deployment-error", "x-vercel-signature", "sha1", "{body}", ""),
    ("calendly-booked", "calendly-webhook-signature", "sha256", "1793608200.{body}", "t=1793608200,v1="),
    ("launchdarkly-flag", "x-ld-signature", "sha256", "{body}", ""),
    ("checkly-failed", "x-checkly-signature", "sha256", "{body}", ""),
    ("meta-whatsapp-message", "x-hub-signature-256", "sha256", "{body}", "sha256="),
    ("dropbox-changed", "x-dropbox-signature", "sha256", "{body}", ""),
    ("paddle-past-due", "paddle-signature", "sha256", "1793608200:{body}", "ts=1793608200;h1="),
]


def hmac_by_openssl(secret: str, digest: str, content: bytes) -> bytes:
    command = ["openssl", "dgst", f"-{digest}", "-mac", "HMAC", "-macopt", f"hexkey:{secret.encode().hex()}", "-binary"]
    return subprocess.run(command, input=content, check=True, capture_output=True, timeout=60).stdout


@pytest.mark.parametrize(("name", "header", "digest", "signed", "form"), SHIPPED, ids=[row[0] for row in SHIPPED])
def test_a_shipped_event_has_the_signature_that_openssl_makes(
    name: str, header: str, digest: str, signed: str, form: str
) -> None:
    event = event_files.load(name)
    secret = SECRETS[event["pathParameters"]["source"]]
    before, after = signed.replace("{url}", "https://relay.example.com/webhooks/").split("{body}")
    content = before.encode() + event["body"].encode() + after.encode()
    mac = hmac_by_openssl(secret if isinstance(secret, str) else secret[0], digest, content)
    encoded = base64.b64encode(mac).decode() if form.startswith("base64:") else mac.hex()
    assert event["headers"][header] == form.removeprefix("base64:") + encoded
