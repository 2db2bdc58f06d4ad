"""Amazon SNS, with a key, a certificate and signatures that openssl makes as SNS's documentation describes."""

import base64
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.problems import NotAuthenticated
from relay.verification import parse
from relay.verification.inbound import InboundRequest

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
