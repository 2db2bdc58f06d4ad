"""Signs requests as the senders do, with the fake local secrets, for `make event` and `make invoke`."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.verification import parse
from relay.verification.credentials import AuthorizationScheme, TokenScheme
from relay.verification.inbound import InboundRequest
from relay.verification.places import Places
from relay.verification.primitives import ENCODERS, Scheme
from relay.verification.signatures import SignatureScheme
from relay.verification.sns import SnsScheme
from relay.verification.standard_webhooks import StandardWebhooksScheme
from relay.verification.twilio import TwilioScheme

_EVENT_ID_HEADERS = {
    "github": "x-github-delivery",
    "gitlab": "x-gitlab-event-uuid",
    "shopify": "x-shopify-event-id",
}


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

    SNS signs inside the body (`sandbox.local_sns.signed`) and gets no headers. `url` is the address with its query as
    Twilio knows it; the default is the configured `public_url`. Raises CannotSign if no secret can sign.
    """
    verification = parse(verify)
    if not secret and not isinstance(verification.scheme, SnsScheme):
        raise CannotSign(source, "it has no secret")
    if secret.startswith("whpk_"):
        raise CannotSign(source, "its secret is a public key, which only verifies")
    name = _EVENT_ID_HEADERS.get(verification.name)
    headers = _signature_headers(verification.scheme, Draft(secret, body, event_id, now, url))
    return {name: event_id, **headers} if name else headers


def _signature_headers(scheme: Scheme, draft: Draft) -> dict[str, str]:
    match scheme:
        case SignatureScheme():
            return _hmac(scheme, draft)
        case StandardWebhooksScheme():
            return _hmac(scheme.symmetric, draft)
        case TokenScheme():
            return {scheme.header: scheme.prefix + draft.secret}
        case AuthorizationScheme():
            return {"authorization": _authorization(scheme, draft.secret)}
        case TwilioScheme():
            return _twilio(scheme, draft)
    return {}  # SNS


def _hmac(scheme: SignatureScheme, draft: Draft) -> dict[str, str]:
    timestamp = str(int(draft.now.timestamp()))
    request = InboundRequest("POST", "", "", {}, draft.body, draft.now)
    content = scheme.content(Places(request), timestamp, draft.event_id)
    mac = hmac.digest(scheme.key(draft.secret) or b"", content, scheme.algorithm)
    value = scheme.prefix + ENCODERS[scheme.encoding](mac)
    if scheme.timestamp_prefix:
        value = f"{scheme.timestamp_prefix}{timestamp}{scheme.separator}{value}"
    stamp = {scheme.timestamp_header: timestamp} if scheme.timestamp_header else {}
    identity = {scheme.id_header: draft.event_id} if scheme.id_header else {}
    return {**identity, **stamp, scheme.header: value}


def _authorization(scheme: AuthorizationScheme, secret: str) -> str:
    if (scheme.auth or ("basic" if ":" in secret else "bearer")) == "basic":
        return f"Basic {base64.b64encode(secret.encode()).decode()}"
    return f"Bearer {secret}"


def _twilio(scheme: TwilioScheme, draft: Draft) -> dict[str, str]:
    """A JSON body is signed by its SHA-256 in the address (`bodySHA256`), a form field by field."""
    query = (draft.url or "").partition("?")[2]
    form = {"content-type": "application/x-www-form-urlencoded"}
    content = scheme.contents(InboundRequest("POST", "", query, form, draft.body, draft.now))[0]
    mac = hmac.digest(draft.secret.encode(), content, "sha1")
    return {"x-twilio-signature": base64.b64encode(mac).decode()}
