"""Twilio's own signature: an HMAC over the public address and then every form field by name."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from relay import limits
from relay.problems import NotAuthenticated
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import Keys, any_equal, from_base64, from_hex, header, raw

_FORM = "application/x-www-form-urlencoded"
_ALGORITHMS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_DIGEST_BYTES = {"sha1": 20, "sha256": 32}
_PORT = re.compile(r":[0-9]+$", re.ASCII)


@dataclass(frozen=True, slots=True)
class TwilioScheme:
    """`public_url` is the address as entered at Twilio. `Host` can't replace it, because anybody can set that header.

    A JSON body is covered by its SHA-256 in the query, which is signed.

    Source: Twilio's pages "Secure webhooks" and "Sign webhooks with shared keys", and the RequestValidator of its
    library for Python (twilio 9.13), which reads the algorithm from a header and tries the address with and without
    its port, because Twilio isn't consistent there.
    """

    public_url: str = ""

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return ("x-twilio-signature",)

    def check(self, request: InboundRequest, keys: Keys) -> None:
        secrets = keys.required_secrets()
        algorithm = _algorithm(request.headers.get("x-twilio-webhooks-signature-settings", ""))
        given = from_base64(header(request, "x-twilio-signature"))
        if given is None or len(given) != _DIGEST_BYTES[algorithm]:
            raise NotAuthenticated("malformed signature")
        contents = self.contents(request)
        expected = [hmac.digest(raw(secret), content, algorithm) for secret in secrets for content in contents]
        if not any_equal(given, expected):
            raise NotAuthenticated("wrong signature")

    def contents(self, request: InboundRequest) -> tuple[bytes, ...]:
        """Returns what Twilio may have signed: the address as configured first, then its other spelling by port."""
        query = f"?{request.query}" if request.query else ""
        fields = _signed_fields(request)
        return tuple(raw(address + query) + fields for address in _spellings(self.public_url))


def _algorithm(settings: str) -> str:
    """Reads the algorithm from a header such as `key=…,algorithm=HMAC_SHA256`; it is SHA-1 if none is named.

    The header isn't signed, but whoever changes it still needs the secret.
    """
    items = (item.partition("=") for item in settings.split(","))
    named = next((value.strip() for name, _, value in items if name.strip() == "algorithm"), "")
    algorithm = _ALGORITHMS.get((named or "HMAC_SHA1").upper())
    if algorithm is None:
        raise NotAuthenticated("unknown signature algorithm")
    return algorithm


def _spellings(url: str) -> tuple[str, str]:
    """Returns the address, and then the address without its port or, if it has none, with the scheme's own port."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    bare = _PORT.sub("", host)
    other = bare if bare != host else f"{host}:{443 if scheme == 'https' else 80}"
    return url, f"{scheme}://{other}{slash}{path}"


def _signed_fields(request: InboundRequest) -> bytes:
    """Returns a form's fields as Twilio signs them, or nothing if the signed query covers the body by its digest."""
    claimed = _body_digest(request.query)
    if claimed is not None:
        if not hmac.compare_digest(claimed, hashlib.sha256(request.body).digest()):
            raise NotAuthenticated("body does not match bodySHA256")
        return b""
    if request.body and not request.headers.get("content-type", "").lower().startswith(_FORM):
        raise NotAuthenticated("missing bodySHA256")  # without it nothing would cover the body
    return b"".join(raw(name + value) for name, value in _fields(request.body))


def _fields(body: bytes) -> list[tuple[str, str]]:
    """Returns each distinct pair once, ordered by name and then by value."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=limits.FORM_FIELDS
        )
    except ValueError:  # not UTF-8, or too many fields
        raise NotAuthenticated("malformed form") from None
    return sorted(set(pairs))


def _body_digest(query: str) -> bytes | None:
    """Returns the `bodySHA256` of a signed query, or None if it has none."""
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
