"""Signs requests as the senders do, with the fake local secrets, for `make event` and `make invoke`."""

import base64
import hmac
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from relay.verification import parse
from relay.verification.credentials import AuthorizationScheme, TokenScheme
from relay.verification.inbound import InboundRequest
from relay.verification.json_web_tokens import TokenOfKeySetScheme
from relay.verification.paypal import PaypalScheme
from relay.verification.places import Places
from relay.verification.primitives import ENCODERS, Scheme
from relay.verification.signatures import SignatureScheme
from relay.verification.standard_webhooks import StandardWebhooksScheme
from relay.verification.twilio import TwilioScheme
from sandbox import local_keys, local_sns, local_tokens

_EVENT_ID_HEADERS = {
    "github": "x-github-delivery",
    "gitlab": "x-gitlab-event-uuid",
    "shopify": "x-shopify-event-id",
    "sentry": "request-id",
    "bitbucket": "x-request-uuid",
    "jira": "x-atlassian-webhook-identifier",
    "dropbox": "x-amzn-trace-id",
}

_TRANSMISSION = "d938e770-8046-11e6-8103-6b62a8a99ac4"  # PayPal names each attempt, and its events in the body


class CannotSign(ValueError):
    """A request of `source` can't be signed here. `why` says the reason."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"can't sign for source {source}: {why}")
        self.source, self.why = source, why


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that isn't signed yet."""

    secret: str
    body: bytes
    event_id: str
    now: datetime
    url: str | None


def sign(
    source: str,
    verify: str | Mapping[str, Any],
    secret: str,
    body: bytes,
    *,
    event_id: str,
    now: datetime,
    url: str | None = None,
) -> dict[str, str]:
    """The headers that this sender would send with `body`: signature, timestamp, event id. Their names are lower-case.

    A sender that proves itself in the body (`sealed`, for SNS `sandbox.local_sns.signed`) or in the query
    (`signed_query`) gets none for that. `url` is the address with its query as Twilio knows it; the default is the
    configured `public_url`. Raises CannotSign if no secret can sign.
    """
    verification = parse(verify)
    if not secret and verification.has_secret:
        raise CannotSign(source, "it has no secret")
    if secret.startswith("whpk_"):
        raise CannotSign(source, "its secret is a public key, which only verifies")
    name = _EVENT_ID_HEADERS.get(verification.name)
    try:
        headers = _signature_headers(verification.scheme, Draft(secret, body, event_id, now, url))
    except KeyError:
        raise CannotSign(
            source, "its secret is a public key, and only those of sandbox/local_keys.py can sign"
        ) from None
    return {name: event_id, **headers} if name else headers


def sealed(verify: str | Mapping[str, Any], secret: str, body: bytes, now: datetime) -> bytes:
    """Returns the body with the time and the proof in it, for a sender that puts them there.

    Raises ValueError, LookupError, TypeError or NotAuthenticated if the body isn't such a sender's.
    """
    scheme = parse(verify).scheme
    if isinstance(scheme, TokenScheme) and scheme.field:
        return _put(body, scheme.field, scheme.prefix + secret)
    if isinstance(scheme, SignatureScheme) and scheme.timestamp_field:
        body = _put(body, scheme.timestamp_field, _stamp(scheme, now))
    if isinstance(scheme, SignatureScheme) and scheme.field:
        body = _put(body, scheme.field, _signature(scheme, Draft(secret, body, "", now, None)))
    return body


def signed_query(verify: str | Mapping[str, Any], secret: str, query: str) -> str:
    """Returns the query with the secret in it, for a sender that puts it there."""
    scheme = parse(verify).scheme
    if not isinstance(scheme, TokenScheme) or not scheme.query:
        return query
    return urlencode(dict(parse_qsl(query, keep_blank_values=True)) | {scheme.query: scheme.prefix + secret})


def _signature_headers(scheme: Scheme, draft: Draft) -> dict[str, str]:
    headers: dict[str, str] = {}  # SNS has none
    match scheme:
        case SignatureScheme():
            headers = _in_header(scheme, draft)
        case StandardWebhooksScheme():
            headers = _in_header(scheme.symmetric, draft)
        case TokenScheme(header=str(name)) if name:
            headers = {name: scheme.prefix + draft.secret}
        case AuthorizationScheme():
            headers = {"authorization": _authorization(scheme, draft.secret)}
        case TwilioScheme():
            headers = _twilio(scheme, draft)
        case TokenOfKeySetScheme():
            headers = {scheme.header: scheme.prefix + local_tokens.token(scheme, draft.now)}
        case PaypalScheme():
            headers = _paypal(scheme, draft)
    return headers


def _in_header(scheme: SignatureScheme, draft: Draft) -> dict[str, str]:
    stamp = {scheme.timestamp_header: str(_stamp(scheme, draft.now))} if scheme.timestamp_header else {}
    identity = {scheme.id_header: draft.event_id} if scheme.id_header else {}
    return {**identity, **stamp, **({scheme.header: _signature(scheme, draft)} if scheme.header else {})}


def _signature(scheme: SignatureScheme, draft: Draft) -> str:
    request = InboundRequest("POST", "", "", {"content-type": "application/json"}, draft.body, draft.now)
    timestamp = str(_stamp(scheme, draft.now))
    content = scheme.content(Places(request), timestamp, draft.event_id)
    key = scheme.key(draft.secret) or b""
    if scheme.algorithm.startswith("sha"):
        signature = hmac.digest(key, content, scheme.algorithm)
    else:
        signature = local_keys.sign(key, content)
    value = scheme.prefix + ENCODERS[scheme.encoding](signature)
    return f"{scheme.timestamp_prefix}{timestamp}{scheme.separator}{value}" if scheme.timestamp_prefix else value


def _stamp(scheme: SignatureScheme, now: datetime) -> str | int:
    """The time as this sender writes it. A field of the body holds a number, if it isn't ISO 8601."""
    match scheme.timestamp_format:
        case "milliseconds":
            return int(now.timestamp() * 1000)
        case "iso8601":
            return now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return int(now.timestamp())


def _put(body: bytes, path: str, value: str | int) -> bytes:
    found = json.loads(body)
    put_at(found, path, value)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


def put_at(body: Any, path: str, value: str | int) -> None:
    """Sets the fields at this path (see places.FIELD_PATH). Raises LookupError or TypeError if they can't be there."""
    *way, last = path.replace("[]", ".[]").strip(".").split(".")
    holders = [body]
    for step in way:
        holders = [item for holder in holders for item in (holder if step == "[]" else [holder[step]])]
    for holder in holders:
        holder[last] = value


def _authorization(scheme: AuthorizationScheme, secret: str) -> str:
    if (scheme.auth or ("basic" if ":" in secret else "bearer")) == "basic":
        return f"Basic {base64.b64encode(secret.encode()).decode()}"
    return f"Bearer {secret}"


def _paypal(scheme: PaypalScheme, draft: Draft) -> dict[str, str]:
    at = draft.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    content = f"{_TRANSMISSION}|{at}|{scheme.webhook_id}|{zlib.crc32(draft.body)}".encode()
    signature = local_sns.private_key().sign(content, padding.PKCS1v15(), hashes.SHA256())
    return {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": f"https://api.paypal.com{local_sns.PAYPAL_PATH}",
        "paypal-transmission-id": _TRANSMISSION,
        "paypal-transmission-sig": base64.b64encode(signature).decode(),
        "paypal-transmission-time": at,
    }


def _twilio(scheme: TwilioScheme, draft: Draft) -> dict[str, str]:
    """A JSON body is signed by its SHA-256 in the address (`bodySHA256`), a form field by field."""
    query = (draft.url or "").partition("?")[2]
    form = {"content-type": "application/x-www-form-urlencoded"}
    content = scheme.contents(InboundRequest("POST", "", query, form, draft.body, draft.now))[0]
    mac = hmac.digest(draft.secret.encode(), content, "sha1")
    return {"x-twilio-signature": base64.b64encode(mac).decode()}
