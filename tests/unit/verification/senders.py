"""The senders as the tests know them. They sign by their own or the standard library, never by the relay's code."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import discord_interactions
import standardwebhooks
import stripe
import svix.webhooks
from Adyen.util import generate_notification_sig, is_valid_hmac_notification
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hubspot.utils.signature import Signature
from nacl.signing import SigningKey
from sendgrid.helpers.eventwebhook import EventWebhook
from slack_sdk.signature import SignatureVerifier
from square.utils.webhooks_helper import verify_signature as square_verifies
from twilio.request_validator import HMAC_SHA256, RequestValidator

from relay.verification.inbound import InboundRequest
from tests.support.tokens import rs256, rsa_key

_PEM = serialization.Encoding.PEM
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
JSON_BODY = json.dumps({"id": "evt_1", "text": "Grüezi {id} {timestamp} 🚢", "event": {"id": "e1"}}, ensure_ascii=False)
FORM_FIELDS = {"To": "+41793026727", "From": "+41445550100", "Body": "Grüezi & 100% = ok", "Empty": ""}
PUBLIC_URL = "https://relay.example.com/webhooks/twilio"
HUBSPOT_URL = "https://relay.example.com/webhooks/hubspot"
SQUARE_URL = "https://relay.example.com/webhooks/square"
FORM_TYPE = "application/x-www-form-urlencoded"

Headers = dict[str, str]
Signer = Callable[[bytes, str, datetime], Headers]
Sealer = Callable[[bytes, str, datetime], bytes]


@dataclass(frozen=True)
class Sender:
    """A sender, and one request that it makes.

    Attributes:
        proof: the headers that a proof needs, or `field:…` of the body, or `query:…`. The first of them carries the
            signature or the secret, and the second the time.
        seal: makes the body as it is signed, for a sender that puts its proof or the time there.
        stamp: the signature's header with a wrong signature, and `{}` in place of the time, if the time is in it.
    """

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
    seal: Sealer = lambda body, _secret, _at: body
    stamp: str = ""

    def request(self, *, secret: str | None = None, signed_at: datetime = NOW, **changed: Any) -> InboundRequest:
        """Makes a genuine request. `changed` replaces parts of it after it was signed."""
        body = self.seal(self.body, secret or self.secret, signed_at)
        headers = {"content-type": self.content_type, **self.signer(body, secret or self.secret, signed_at)}
        parts: dict[str, Any] = {
            "method": "POST",
            "path": "/webhooks/x",
            "query": self.query.format(secret=secret or self.secret),
            "headers": headers,
            "body": body,
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


def plain(
    body: bytes,
    secret: str,
    _at: datetime,
    *,
    header: str,
    prefix: str = "",
    algorithm: str = "sha256",
    base64_encoded: bool = False,
    before: str = "",
) -> Headers:
    """Signs `before` and the body, as many senders do."""
    mac = _mac(secret, before.encode() + body, algorithm)
    return {header: prefix + (base64.b64encode(mac).decode() if base64_encoded else mac.hex())}


def nothing(_body: bytes, _secret: str, _at: datetime) -> Headers:
    return {}


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def linear_body(body: bytes, _secret: str, at: datetime) -> bytes:
    return json.dumps(json.loads(body) | {"webhookTimestamp": _milliseconds(at)}).encode()


def zendesk(body: bytes, secret: str, at: datetime) -> Headers:
    signature = base64.b64encode(_mac(secret, _iso(at).encode() + body)).decode()
    return {"x-zendesk-webhook-signature": signature, "x-zendesk-webhook-signature-timestamp": _iso(at)}


def mailgun_body(body: bytes, secret: str, at: datetime) -> bytes:
    token = "e0b5477167110d68991efc6b9f89f0a11066af27834600e123"
    signature = _mac(secret, f"{_seconds(at)}{token}".encode()).hex()
    proof = {"token": token, "timestamp": _seconds(at), "signature": signature}
    return json.dumps({"signature": proof, "event-data": json.loads(body)}).encode()


def hubspot(body: bytes, secret: str, at: datetime) -> Headers:
    stamp = str(_milliseconds(at))
    signature = Signature.get_signature(secret, body.decode(), "v3", HUBSPOT_URL, "POST", stamp)
    return {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}


def square(body: bytes, secret: str, _at: datetime) -> Headers:
    signature = base64.b64encode(_mac(secret, SQUARE_URL.encode() + body)).decode()
    text = body.decode()
    assert square_verifies(
        request_body=text, signature_header=signature, signature_key=secret, notification_url=SQUARE_URL
    )
    return {"x-square-hmacsha256-signature": signature}


def _p256_key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


def p256_public_key(number: int) -> str:
    public = _p256_key(number).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


_P256_A, _P256_B = p256_public_key(7), p256_public_key(8)
_P256_NUMBERS = {_P256_A: 7, _P256_B: 8}


def sendgrid(body: bytes, secret: str, at: datetime) -> Headers:
    content = _seconds(at).encode() + body
    signature = base64.b64encode(_p256_key(_P256_NUMBERS[secret]).sign(content, ec.ECDSA(hashes.SHA256()))).decode()
    assert EventWebhook(secret).verify_signature(body.decode(), signature, _seconds(at))
    return {
        "x-twilio-email-event-webhook-signature": signature,
        "x-twilio-email-event-webhook-timestamp": _seconds(at),
    }


_DISCORD_KEYS = {SigningKey(bytes([n]) * 32).verify_key.encode().hex(): SigningKey(bytes([n]) * 32) for n in (1, 2)}
_DISCORD_A, _DISCORD_B = _DISCORD_KEYS


def discord(body: bytes, secret: str, at: datetime) -> Headers:
    signature = _DISCORD_KEYS[secret].sign(_seconds(at).encode() + body).signature.hex()
    assert discord_interactions.verify_key(body, signature, _seconds(at), secret)
    return {"x-signature-ed25519": signature, "x-signature-timestamp": _seconds(at)}


def zoom(body: bytes, secret: str, at: datetime) -> Headers:
    signature = _mac(secret, b"v0:%b:%b" % (_seconds(at).encode(), body)).hex()
    return {"x-zm-signature": f"v0={signature}", "x-zm-request-timestamp": _seconds(at)}


def calendly(body: bytes, secret: str, at: datetime) -> Headers:
    signature = _mac(secret, _seconds(at).encode() + b"." + body).hex()
    return {"calendly-webhook-signature": f"t={_seconds(at)},v1={signature}"}


def paddle(body: bytes, secret: str, at: datetime) -> Headers:
    signature = _mac(secret, _seconds(at).encode() + b":" + body).hex()
    return {"paddle-signature": f"ts={_seconds(at)};h1={signature}"}


ADYEN_ITEM = {
    "amount": {"currency": "EUR", "value": 1130},
    "eventCode": "AUTHORISATION",
    "eventDate": "2026-03-01T12:00:00+01:00",
    "merchantAccountCode": "TestMerchant",
    "merchantReference": "Bestellung 17 für Zoë",
    "pspReference": "7914073381342284",
    "reason": "",
    "success": "true",
}


def adyen_body(_body: bytes, secret: str, _at: datetime) -> bytes:
    signature = generate_notification_sig(ADYEN_ITEM, secret).decode()
    item = ADYEN_ITEM | {"additionalData": {"hmacSignature": signature}}
    notification = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
    assert is_valid_hmac_notification(notification, secret)
    return json.dumps(notification).encode()


def okta(_body: bytes, secret: str, _at: datetime) -> Headers:
    return {"authorization": secret}


def graph_body(_body: bytes, secret: str, _at: datetime) -> bytes:
    items = [{"id": name, "changeType": "created", "clientState": secret} for name in ("a", "b")]
    return json.dumps({"value": items}).encode()


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
_HUB_SIGNATURE = ("x-hub-signature",)
ADYEN_SIGNATURE = "notificationItems[].NotificationRequestItem.additionalData.hmacSignature"
_MINUTES = (300, 300)
_TWILIO = {"preset": "twilio", "public_url": PUBLIC_URL}
_GRAFANA_STAMPED = {"preset": "grafana", "timestamp_header": "X-Grafana-Time"}
_FORM_BODY = urlencode(FORM_FIELDS).encode()
_PEM_KEYS = {
    rsa_key(name).public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(): name
    for name in ("first", "second")
}
_PEMS = tuple(_PEM_KEYS)
PUBLIC_KEY = {
    "preset": "public-key",
    "header": "X-Sig",
    "algorithm": "rsa-sha256",
    "encoding": "base64url",
    "signed": "{timestamp}.{body}",
    "timestamp_header": "X-At",
}


def public_key_of_rsa(body: bytes, secret: str, at: datetime) -> Headers:
    signature = rs256(_PEM_KEYS[secret])(f"{_seconds(at)}.".encode() + body)
    return {"x-sig": base64.urlsafe_b64encode(signature).decode().rstrip("="), "x-at": _seconds(at)}


SENDERS = (
    Sender("github", "github", _A, _B, github, ("x-hub-signature-256",)),
    Sender(
        "standard-webhooks", "standard-webhooks", _WHSEC, _OTHER_WHSEC, standard_webhooks, _WEBHOOK_HEADERS, _MINUTES
    ),
    Sender("svix", "svix", _WHSEC, _OTHER_WHSEC, svix_webhooks, _SVIX_HEADERS, _MINUTES),
    Sender(
        "ed25519", "standard-webhooks", public_key("first"), public_key("second"), ed25519, _WEBHOOK_HEADERS, _MINUTES
    ),
    Sender(
        "stripe",
        "stripe",
        _WHSEC,
        _OTHER_WHSEC,
        stripe_webhook,
        ("stripe-signature",),
        (300, 5),
        stamp=f"t={{}},v1={'0' * 64}",
    ),
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
    Sender("public-key", PUBLIC_KEY, _PEMS[0], _PEMS[1], public_key_of_rsa, ("x-sig", "x-at"), _MINUTES),
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
    Sender(
        "linear",
        "linear",
        _A,
        _B,
        partial(plain, header="linear-signature"),
        ("linear-signature",),
        (60, 60),
        seal=linear_body,
    ),
    Sender("sentry", "sentry", _A, _B, partial(plain, header="sentry-hook-signature"), ("sentry-hook-signature",)),
    Sender(
        "zendesk",
        "zendesk",
        _A,
        _B,
        zendesk,
        ("x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"),
        _MINUTES,
    ),
    Sender(
        "intercom",
        "intercom",
        _A,
        _B,
        partial(plain, header="x-hub-signature", prefix="sha1=", algorithm="sha1"),
        ("x-hub-signature",),
    ),
    Sender(
        "typeform",
        "typeform",
        _A,
        _B,
        partial(plain, header="typeform-signature", prefix="sha256=", base64_encoded=True),
        ("typeform-signature",),
    ),
    Sender("zoom", "zoom", _A, _B, zoom, ("x-zm-signature", "x-zm-request-timestamp"), _MINUTES),
    Sender(
        "mailgun",
        "mailgun",
        _A,
        _B,
        nothing,
        ("field:signature.signature", "field:signature.timestamp"),
        (86_400, 86_400),
        signs_body=False,
        seal=mailgun_body,
    ),
    Sender(
        "hubspot",
        {"preset": "hubspot", "public_url": HUBSPOT_URL},
        _A,
        _B,
        hubspot,
        ("x-hubspot-signature-v3", "x-hubspot-request-timestamp"),
        _MINUTES,
    ),
    Sender(
        "square", {"preset": "square", "public_url": SQUARE_URL}, _A, _B, square, ("x-square-hmacsha256-signature",)
    ),
    Sender(
        "discord",
        "discord",
        _DISCORD_A,
        _DISCORD_B,
        discord,
        ("x-signature-ed25519", "x-signature-timestamp"),
        (900, 900),
    ),
    Sender(
        "sendgrid",
        "sendgrid",
        _P256_A,
        _P256_B,
        sendgrid,
        ("x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"),
        (86_400, 86_400),
    ),
    Sender(
        "bitbucket", "bitbucket", _A, _B, partial(plain, header="x-hub-signature", prefix="sha256="), _HUB_SIGNATURE
    ),
    Sender("jira", "jira", _A, _B, partial(plain, header="x-hub-signature", prefix="sha256="), _HUB_SIGNATURE),
    Sender(
        "docusign",
        "docusign",
        _A,
        _B,
        partial(plain, header="x-docusign-signature-1", base64_encoded=True),
        ("x-docusign-signature-1",),
    ),
    Sender(
        "vercel",
        "vercel",
        _A,
        _B,
        partial(plain, header="x-vercel-signature", algorithm="sha1"),
        ("x-vercel-signature",),
    ),
    Sender(
        "calendly",
        "calendly",
        _A,
        _B,
        calendly,
        ("calendly-webhook-signature",),
        (180, 180),
        stamp=f"t={{}},v1={'0' * 64}",
    ),
    Sender("launchdarkly", "launchdarkly", _A, _B, partial(plain, header="x-ld-signature"), ("x-ld-signature",)),
    Sender("checkly", "checkly", _A, _B, partial(plain, header="x-checkly-signature"), ("x-checkly-signature",)),
    Sender(
        "meta", "meta", _A, _B, partial(plain, header="x-hub-signature-256", prefix="sha256="), ("x-hub-signature-256",)
    ),
    Sender("dropbox", "dropbox", _A, _B, partial(plain, header="x-dropbox-signature"), ("x-dropbox-signature",)),
    Sender("okta", "okta", _A, _B, okta, ("authorization",), signs_body=False, wrong="wrong token"),
    Sender(
        "microsoft-graph",
        "microsoft-graph",
        _A,
        _B,
        nothing,
        ("field:value[].clientState",),
        signs_body=False,
        wrong="wrong token",
        seal=graph_body,
    ),
    Sender(
        "event-grid",
        "event-grid",
        "a-fake-secret",
        "another-fake-secret",
        nothing,
        ("query:code",),
        signs_body=False,
        wrong="wrong token",
        query="code={secret}",
    ),
    Sender(
        "adyen",
        "adyen",
        "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
        "00" * 32,
        nothing,
        (f"field:{ADYEN_SIGNATURE}",),
        signs_body=False,
        seal=adyen_body,
    ),
    Sender("paddle", "paddle", _A, _B, paddle, ("paddle-signature",), (60, 60), stamp=f"ts={{}};h1={'0' * 64}"),
)
SIGNING = tuple(sender for sender in SENDERS if sender.signs_body)
WINDOWED = tuple(sender for sender in SENDERS if sender.window)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def proof_of(request: InboundRequest, place: str) -> str:
    """Returns the value of a header, `field:…` or `query:…`."""
    kind, _, name = place.rpartition(":")
    if kind == "query":
        return dict(parse_qsl(request.query))[name]
    return _at(json.loads(request.body), name.replace("[]", ".0").split(".")) if kind else request.headers[name]


def with_proof(request: InboundRequest, place: str, value: str | None) -> InboundRequest:
    """Replaces the value of a header, `field:…` or `query:…`; None removes it."""
    kind, _, name = place.rpartition(":")
    if kind == "query":
        return replace(request, query="" if value is None else urlencode({name: value}, errors="surrogatepass"))
    if not kind:
        headers = {**request.headers, name: value}
        return replace(request, headers={key: found for key, found in headers.items() if found is not None})
    body = json.loads(request.body)
    *way, last = name.replace("[]", ".0").split(".")
    holder = _at(body, way)
    holder.pop(last)
    if value is not None:
        holder[last] = value
    return replace(request, body=json.dumps(body).encode())


def _at(value: Any, way: list[str]) -> Any:
    for step in way:
        value = value[int(step) if step.isdigit() else step]
    return value
