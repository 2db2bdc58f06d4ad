"""The senders as the tests know them. They sign by their own or the standard library, never by the relay's code."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import standardwebhooks
import stripe
import svix.webhooks
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import HMAC_SHA256, RequestValidator

from relay.verification.inbound import InboundRequest

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
JSON_BODY = json.dumps({"id": "evt_1", "text": "Grüezi {id} {timestamp} 🚢", "event": {"id": "e1"}}, ensure_ascii=False)
FORM_FIELDS = {"To": "+41793026727", "From": "+41445550100", "Body": "Grüezi & 100% = ok", "Empty": ""}
PUBLIC_URL = "https://relay.example.com/webhooks/twilio"
FORM_TYPE = "application/x-www-form-urlencoded"

Headers = dict[str, str]
Signer = Callable[[bytes, str, datetime], Headers]


@dataclass(frozen=True)
class Sender:
    """`proof` names the headers that a proof needs. The first of them carries the signature or the secret."""

    name: str
    verify: str | Mapping[str, Any]
    secret: str
    other_secret: str
    signer: Signer
    proof: tuple[str, ...]
    window: tuple[int, int] | None = None
    signs_body: bool = True
    body: bytes = field(default=JSON_BODY.encode())
    content_type: str = "application/json"
    query: str = ""
    wrong: str = "wrong signature"

    def request(self, *, secret: str | None = None, signed_at: datetime = NOW, **changed: Any) -> InboundRequest:
        """Makes a genuine request. `changed` replaces parts of it after it was signed."""
        headers = {"content-type": self.content_type, **self.signer(self.body, secret or self.secret, signed_at)}
        parts: dict[str, Any] = {
            "method": "POST",
            "path": "/webhooks/x",
            "query": self.query,
            "headers": headers,
            "body": self.body,
            "received_at": NOW,
        }
        return InboundRequest(**parts | changed)


def _seconds(at: datetime) -> str:
    return str(int(at.timestamp()))


def _mac(secret: str | bytes, content: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret.encode() if isinstance(secret, str) else secret, content, algorithm).digest()


def github(body: bytes, secret: str, _at: datetime) -> Headers:
    return {
        "x-hub-signature": f"sha1={_mac(secret, body, 'sha1').hex()}",
        "x-hub-signature-256": f"sha256={_mac(secret, body).hex()}",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }


def standard_webhooks(body: bytes, secret: str, at: datetime) -> Headers:
    signature = standardwebhooks.Webhook(secret).sign("msg_1", at, body.decode())
    return {"webhook-signature": signature, "webhook-timestamp": _seconds(at), "webhook-id": "msg_1"}


def svix_webhooks(body: bytes, secret: str, at: datetime) -> Headers:
    signature = svix.webhooks.Webhook(secret).sign("msg_1", at, body.decode())
    return {"svix-signature": signature, "svix-timestamp": _seconds(at), "svix-id": "msg_1"}


def _ed25519_key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public_key(name: str) -> str:
    raw = _ed25519_key(name).public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return f"whpk_{base64.b64encode(raw).decode()}"


_KEY_NAMES = {public_key(name): name for name in ("first", "second")}


def ed25519(body: bytes, secret: str, at: datetime) -> Headers:
    signature = _ed25519_key(_KEY_NAMES[secret]).sign(f"msg_1.{_seconds(at)}.".encode() + body)
    return {
        "webhook-signature": f"v1a,{base64.b64encode(signature).decode()}",
        "webhook-timestamp": _seconds(at),
        "webhook-id": "msg_1",
    }


def stripe_webhook(body: bytes, secret: str, at: datetime) -> Headers:
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, int(at.timestamp()))
    return {"stripe-signature": header}


def shopify(body: bytes, secret: str, _at: datetime) -> Headers:
    return {"x-shopify-hmac-sha256": base64.b64encode(_mac(secret, body)).decode(), "x-shopify-event-id": "shop-1"}


def slack(body: bytes, secret: str, at: datetime) -> Headers:
    signature = SignatureVerifier(secret).generate_signature(timestamp=_seconds(at), body=body)
    assert signature
    return {"x-slack-signature": signature, "x-slack-request-timestamp": _seconds(at)}


def pagerduty(body: bytes, secret: str, _at: datetime) -> Headers:
    return {"x-pagerduty-signature": f"v1={_mac('an older secret', body).hex()},v1={_mac(secret, body).hex()}"}


def twilio_form(_body: bytes, secret: str, _at: datetime) -> Headers:
    return {"x-twilio-signature": RequestValidator(secret).compute_signature(PUBLIC_URL, FORM_FIELDS)}


def twilio_form_by_shared_key(_body: bytes, secret: str, _at: datetime) -> Headers:
    signature = RequestValidator(secret).compute_signature(PUBLIC_URL, FORM_FIELDS, HMAC_SHA256)
    settings = f"key=webhooks_sharedkey_01,algorithm={HMAC_SHA256}"
    return {"x-twilio-signature": signature, "x-twilio-webhooks-signature-settings": settings}


def twilio_query(body: bytes) -> str:
    return f"bodySHA256={hashlib.sha256(body).hexdigest()}"


def twilio_json(body: bytes, secret: str, _at: datetime) -> Headers:
    url = f"{PUBLIC_URL}?{twilio_query(body)}"
    return {"x-twilio-signature": RequestValidator(secret).compute_signature(url, {})}


def grafana(body: bytes, secret: str, _at: datetime) -> Headers:
    return {"x-grafana-alerting-signature": _mac(secret, body).hex()}


def grafana_stamped(body: bytes, secret: str, at: datetime) -> Headers:
    signature = _mac(secret, f"{_seconds(at)}:".encode() + body).hex()
    return {"x-grafana-alerting-signature": signature, "x-grafana-time": _seconds(at)}


def gitlab(_body: bytes, secret: str, _at: datetime) -> Headers:
    return {"x-gitlab-token": secret, "x-gitlab-event-uuid": "gl-1"}


def api_key(_body: bytes, secret: str, _at: datetime) -> Headers:
    return {"x-monitor-key": f"Key {secret}"}


def bearer(_body: bytes, secret: str, _at: datetime) -> Headers:
    return {"authorization": f"Bearer {secret}"}


def basic(_body: bytes, secret: str, _at: datetime) -> Headers:
    return {"authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}


def billing(body: bytes, secret: str, at: datetime) -> Headers:
    content = b"b1|" + body + b"|" + _seconds(at).encode()
    signature = base64.b64encode(_mac(base64.b64decode(secret), content, "sha512")).decode()
    return {"x-signature": f"sig:{signature}", "x-time": _seconds(at), "x-id": "b1"}


BILLING = {
    "preset": "hmac",
    "header": "X-Signature",
    "algorithm": "sha512",
    "encoding": "base64",
    "prefix": "sig:",
    "signed": "{id}|{body}|{timestamp}",
    "timestamp_header": "X-Time",
    "id_header": "X-Id",
    "tolerance": 60,
    "base64_key": True,
}
_WHSEC = "whsec_" + base64.b64encode(b"an obviously fake key of 32 byte").decode()
_OTHER_WHSEC = "whsec_" + base64.b64encode(b"another key that is just as fake").decode()
_A, _B = "a fake secret", "another fake secret"
_BASE64_A, _BASE64_B = base64.b64encode(_A.encode()).decode(), base64.b64encode(_B.encode()).decode()
_WEBHOOK_HEADERS = ("webhook-signature", "webhook-timestamp", "webhook-id")
_SVIX_HEADERS = ("svix-signature", "svix-timestamp", "svix-id")
_MINUTES = (300, 300)
_TWILIO = {"preset": "twilio", "public_url": PUBLIC_URL}
_GRAFANA_STAMPED = {"preset": "grafana", "timestamp_header": "X-Grafana-Time"}
_FORM_BODY = urlencode(FORM_FIELDS).encode()

SENDERS = (
    Sender("github", "github", _A, _B, github, ("x-hub-signature-256",)),
    Sender(
        "standard-webhooks", "standard-webhooks", _WHSEC, _OTHER_WHSEC, standard_webhooks, _WEBHOOK_HEADERS, _MINUTES
    ),
    Sender("svix", "svix", _WHSEC, _OTHER_WHSEC, svix_webhooks, _SVIX_HEADERS, _MINUTES),
    Sender(
        "ed25519", "standard-webhooks", public_key("first"), public_key("second"), ed25519, _WEBHOOK_HEADERS, _MINUTES
    ),
    Sender("stripe", "stripe", _WHSEC, _OTHER_WHSEC, stripe_webhook, ("stripe-signature",), (300, 5)),
    Sender("shopify", "shopify", _A, _B, shopify, ("x-shopify-hmac-sha256",)),
    Sender("slack", "slack", _A, _B, slack, ("x-slack-signature", "x-slack-request-timestamp"), _MINUTES),
    Sender(
        "slack-form",
        "slack",
        _A,
        _B,
        slack,
        ("x-slack-signature", "x-slack-request-timestamp"),
        _MINUTES,
        body=_FORM_BODY,
        content_type=FORM_TYPE,
    ),
    Sender("pagerduty", "pagerduty", _A, _B, pagerduty, ("x-pagerduty-signature",)),
    Sender(
        "twilio-form",
        _TWILIO,
        _A,
        _B,
        twilio_form,
        ("x-twilio-signature",),
        body=_FORM_BODY,
        content_type=FORM_TYPE,
    ),
    Sender(
        "twilio-form-by-shared-key",
        _TWILIO,
        _A,
        _B,
        twilio_form_by_shared_key,
        ("x-twilio-signature",),
        body=_FORM_BODY,
        content_type=FORM_TYPE,
    ),
    Sender(
        "twilio-json", _TWILIO, _A, _B, twilio_json, ("x-twilio-signature",), query=twilio_query(JSON_BODY.encode())
    ),
    Sender("grafana", "grafana", _A, _B, grafana, ("x-grafana-alerting-signature",)),
    Sender(
        "grafana-stamped",
        _GRAFANA_STAMPED,
        _A,
        _B,
        grafana_stamped,
        ("x-grafana-alerting-signature", "x-grafana-time"),
        _MINUTES,
    ),
    Sender("hmac", BILLING, _BASE64_A, _BASE64_B, billing, ("x-signature", "x-time", "x-id"), (60, 60)),
    Sender("gitlab", "gitlab", _A, _B, gitlab, ("x-gitlab-token",), signs_body=False, wrong="wrong token"),
    Sender(
        "api-key",
        {"preset": "api-key", "header": "X-Monitor-Key", "prefix": "Key "},
        _A,
        _B,
        api_key,
        ("x-monitor-key",),
        signs_body=False,
        wrong="wrong token",
    ),
    Sender("bearer", "bearer", _A, _B, bearer, ("authorization",), signs_body=False, wrong="wrong credentials"),
    Sender(
        "basic", "basic", "me:a:b", "me:a:c", basic, ("authorization",), signs_body=False, wrong="wrong credentials"
    ),
    Sender(
        "alertmanager-bearer",
        "alertmanager",
        _A,
        _B,
        bearer,
        ("authorization",),
        signs_body=False,
        wrong="wrong credentials",
    ),
    Sender(
        "alertmanager-basic",
        "alertmanager",
        "me:a:b",
        "me:a:c",
        basic,
        ("authorization",),
        signs_body=False,
        wrong="wrong credentials",
    ),
)
SIGNING = tuple(sender for sender in SENDERS if sender.signs_body)
WINDOWED = tuple(sender for sender in SENDERS if sender.window)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
