"""Twilio's own signature: the public address, then every form field by name, under HMAC-SHA1."""

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import parse_qsl

from relay import limits
from relay.problems import NotAuthenticated
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import Keys, any_equal, from_base64, from_hex, header, raw

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class TwilioScheme:
    """`public_url` is configured: `Host` is the sender's word, and behind a gateway not even Twilio's.

    Source: Twilio's "Webhooks security" page. A JSON body is covered by its SHA-256 in the query, which is signed.
    """

    public_url: str = ""

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return ("x-twilio-signature",)

    def check(self, request: InboundRequest, keys: Keys) -> None:
        secrets = keys.required_secrets()
        given = from_base64(header(request, "x-twilio-signature"))
        if given is None or len(given) != hashlib.sha1(usedforsecurity=False).digest_size:
            raise NotAuthenticated("malformed signature")
        content = self.content(request)
        found = False
        for secret in secrets:
            found |= any_equal(hmac.digest(raw(secret), content, "sha1"), [given])
        if not found:
            raise NotAuthenticated("wrong signature")

    def content(self, request: InboundRequest) -> bytes:
        """What Twilio signs for this request."""
        url = raw(f"{self.public_url}?{request.query}" if request.query else self.public_url)
        claimed = _body_digest(request.query)
        if claimed is not None:
            if not hmac.compare_digest(claimed, hashlib.sha256(request.body).digest()):
                raise NotAuthenticated("body does not match bodySHA256")
            return url
        if request.body and not request.headers.get("content-type", "").lower().startswith(_FORM):
            raise NotAuthenticated("missing bodySHA256")  # else the body would be anybody's
        return url + b"".join(raw(name + value) for name, value in _fields(request.body))


def _fields(body: bytes) -> list[tuple[str, str]]:
    """Each distinct pair once, in the order of names and then values."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=limits.FORM_FIELDS
        )
    except ValueError:  # not UTF-8, or too many fields
        raise NotAuthenticated("malformed form") from None
    return sorted(set(pairs))


def _body_digest(query: str) -> bytes | None:
    """The `bodySHA256` of a signed address; None where it has none."""
    try:
        values = [value for name, value in parse_qsl(query, max_num_fields=limits.FORM_FIELDS) if name == "bodySHA256"]
    except ValueError:
        raise NotAuthenticated("malformed query") from None
    if not values:
        return None
    digest = from_hex(values[0]) if len(values) == 1 else None
    if digest is None:
        raise NotAuthenticated("malformed bodySHA256")
    return digest
