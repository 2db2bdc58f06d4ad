"""Signs hostile bytes as each sender would, so that what stands behind the signature meets them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relay.problems import NotAuthenticated
from relay.verification import parse
from sandbox import local_sns
from sandbox.signing import sign
from tests.support.hostility import FORM

TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"

Pairs = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Signed:
    body: bytes
    headers: Pairs
    query: str


@dataclass(frozen=True, slots=True)
class Adversary:
    """Knows the secret of every source of this configuration."""

    config: Mapping[str, Any]
    secrets: Mapping[str, Any]

    def preset(self, source: str) -> str:
        return parse(self.config["sources"][source]["verify"]).name

    def signed(self, source: str, body: bytes, content_type: str, extra: Pairs) -> Signed | None:
        """With whatever other headers; SNS signs within the body. None where the sender's own scheme can't sign it,
        as Twilio's a form that isn't one.
        """
        preset, query, url = self.preset(source), "", None
        verify = self.config["sources"][source]["verify"]
        if preset == "twilio" and not content_type.lower().startswith(FORM):
            query = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
            url = f"{verify['public_url']}?{query}"
        if preset == "sns":
            body = json.dumps(local_sns.signed(sns_message(body))).encode()
        try:
            proof = sign(
                source,
                verify,
                self.secrets["sources"].get(source, ""),
                body,
                event_id=hashlib.sha256(body).hexdigest(),
                now=datetime.now(UTC),
                url=url,
            )
        except NotAuthenticated:
            return None
        headers = [(name.encode(), value.encode("latin-1")) for name, value in proof.items()]
        headers.append((b"content-type", content_type.encode("latin-1")))
        taken = {name for name, _ in headers}
        return Signed(body, [*headers, *((name, value) for name, value in extra if name not in taken)], query)


def sns_message(body: bytes) -> dict[str, Any]:
    """The hostile bytes as the text of a notification, which is all that a publisher can choose."""
    text = body.decode("utf-8", "replace")[:100_000]
    fixed = {"Type": "Notification", "MessageId": "e-1", "TopicArn": TOPIC, "Timestamp": "2026-03-01T12:00:00.000Z"}
    return fixed | {"SignatureVersion": "2", "Message": text, "Subject": text[:100]}
