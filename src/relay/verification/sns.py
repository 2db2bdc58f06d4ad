"""Amazon SNS: the signature is in the body, and its certificate may come only from SNS's own hosts."""

import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from relay.problems import MalformedRequest, NotAuthenticated
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import Keys, from_base64, raw
from relay.verification.public_keys import check_by_certificate

_HOST = r"https://sns\.[a-z]{2}(?:-[a-z]+){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE_URL = re.compile(_HOST + r"/[A-Za-z0-9_-]{1,128}\.pem", re.ASCII)
_SUBSCRIBE_URL = re.compile(_HOST + r"/\?[!-~]{1,2048}", re.ASCII)

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_HANDSHAKE = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
# The signed fields by type, in their order. Only Subject may be missing.
SIGNED_FIELDS = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _HANDSHAKE,
    "UnsubscribeConfirmation": _HANDSHAKE,
}
_VERSIONS: dict[str, Literal["SHA1", "SHA256"]] = {"1": "SHA1", "2": "SHA256"}


@dataclass(frozen=True, slots=True)
class SnsScheme:
    """Trusts the configured topics and the certificate of SNS, because there is no shared secret.

    Source: "Verifying the signatures of Amazon SNS messages" of the SNS developer guide.
    """

    topic_arns: tuple[str, ...] = ()

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return ()

    def check(self, request: InboundRequest, keys: Keys) -> None:
        message = _message(request)
        if message.get("TopicArn") not in self.topic_arns:  # checked before anything is fetched for a stranger
            raise NotAuthenticated("topic not configured")
        content = signed_content(message)
        signature = from_base64(_field(message, "Signature"))
        if signature is None:
            raise NotAuthenticated("malformed signature")
        algorithm = _VERSIONS.get(_field(message, "SignatureVersion"))
        if algorithm is None:
            raise NotAuthenticated("unknown SignatureVersion")
        url = _field(message, "SigningCertURL")
        if not _CERTIFICATE_URL.fullmatch(url):
            raise NotAuthenticated("SigningCertURL is not an address of SNS")
        check_by_certificate(keys.certificate_at(url), request.received_at, signature, content, algorithm)


def signed_content(message: dict[str, Any]) -> bytes:
    """Returns the signed content: each signed field's name and value, each on its own line."""
    names = SIGNED_FIELDS.get(_field(message, "Type"))
    if names is None:
        raise NotAuthenticated("unknown Type")
    present = [name for name in names if name != "Subject" or message.get("Subject") is not None]
    return raw("".join(f"{name}\n{_field(message, name)}\n" for name in present))


def confirmation_url(message: Any) -> str | None:
    """Returns a verified message's SubscribeURL if it confirms this message's topic on a host of SNS."""
    url = message.get("SubscribeURL") if isinstance(message, dict) else None
    if not isinstance(url, str) or not _SUBSCRIBE_URL.fullmatch(url):
        return None
    query = dict(parse_qsl(urlsplit(url).query))
    wanted = {"Action": "ConfirmSubscription", "TopicArn": message.get("TopicArn")}
    return url if wanted.items() <= query.items() else None


def _message(request: InboundRequest) -> dict[str, Any]:
    from relay.verification.decoding import decode  # only this scheme reads a body before it is verified

    try:
        message = decode(request.body, None, expects="json")  # SNS sends JSON as text/plain
    except MalformedRequest:
        raise NotAuthenticated("malformed body") from None
    if not isinstance(message, dict):
        raise NotAuthenticated("malformed body")
    return message


def _field(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise NotAuthenticated(f"missing field {name}")
    return value
