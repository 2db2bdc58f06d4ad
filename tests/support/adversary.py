"""Signs hostile bytes as each sender would, so that they reach the code behind the signature."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relay.problems import NotAuthenticated
from relay.verification import parse
from sandbox import local_sns
from sandbox.signing import sealed, sign, signed_query
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
    """An adversary who knows the secret of every source of this configuration."""

    config: Mapping[str, Any]
    secrets: Mapping[str, Any]

    def preset(self, source: str) -> str:
        return parse(self.config["sources"][source]["verify"]).name

    def signed(self, source: str, body: bytes, content_type: str, extra: Pairs) -> Signed | None:
        """Signs the body as this source's sender would, and adds the `extra` headers. Some sign within the body.

        Returns None if the sender's scheme can't sign this body. For example, Twilio's can't sign an unreadable form.
        """
        verify = self.config["sources"][source]["verify"]
        preset, query, url = self.preset(source), "", None
        if preset == "twilio" and not content_type.lower().startswith(FORM):
            query = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
            url = f"{verify['public_url']}?{query}"
        if preset == "sns":
            body = json.dumps(local_sns.signed(sns_message(body))).encode()
        secrets, event_id = self.secrets["sources"].get(source, ""), hashlib.sha256(body).hexdigest()
        secret = secrets if isinstance(secrets, str) else secrets[0]
        query = signed_query(verify, secret, query)
        with suppress(
            ValueError, LookupError, TypeError, RecursionError, NotAuthenticated
        ):  # most bodies aren't such a sender's
            body = sealed(verify, secret, body, datetime.now(UTC))
        try:
            proof = sign(source, verify, secret, body, event_id=event_id, now=datetime.now(UTC), url=url)
        except NotAuthenticated:
            return None
        headers = [(name.encode(), value.encode("latin-1")) for name, value in proof.items()]
        headers.append((b"content-type", content_type.encode("latin-1")))
        taken = {name for name, _ in headers}
        return Signed(body, [*headers, *((name, value) for name, value in extra if name not in taken)], query)


def sns_message(body: bytes) -> dict[str, Any]:
    """Returns a notification with the hostile bytes as its text. A publisher can choose nothing else."""
    text = body.decode("utf-8", "replace")[:100_000]
    fixed = {"Type": "Notification", "MessageId": "e-1", "TopicArn": TOPIC, "Timestamp": "2026-03-01T12:00:00.000Z"}
    return fixed | {"SignatureVersion": "2", "Message": text, "Subject": text[:100]}
