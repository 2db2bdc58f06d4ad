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
    """`public_url` is configured: `Host` is the sender's word, and behind a gateway not even Twilio's.

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
        """What Twilio may have signed: with the address as configured, then with its port added or removed."""
        query = f"?{request.query}" if request.query else ""
        fields = _signed_fields(request)
        return tuple(raw(address + query) + fields for address in _spellings(self.public_url))


def _algorithm(settings: str) -> str:
    """The algorithm that a header such as `key=…,algorithm=HMAC_SHA256` names; SHA-1 where it names none.

    The header isn't signed, but whoever changes it still needs the secret.
    """
    items = (item.partition("=") for item in settings.split(","))
    named = next((value.strip() for name, _, value in items if name.strip() == "algorithm"), "")
    algorithm = _ALGORITHMS.get((named or "HMAC_SHA1").upper())
    if algorithm is None:
        raise NotAuthenticated("unknown signature algorithm")
    return algorithm


def _spellings(url: str) -> tuple[str, str]:
    """The address as it is, and with its port removed, or the scheme's own port added where it has none."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    bare = _PORT.sub("", host)
    other = bare if bare != host else f"{host}:{443 if scheme == 'https' else 80}"
    return url, f"{scheme}://{other}{slash}{path}"


def _signed_fields(request: InboundRequest) -> bytes:
    """A form's fields as Twilio signs them; nothing where the signed query covers the body by its digest."""
    claimed = _body_digest(request.query)
    if claimed is not None:
        if not hmac.compare_digest(claimed, hashlib.sha256(request.body).digest()):
            raise NotAuthenticated("body does not match bodySHA256")
        return b""
    if request.body and not request.headers.get("content-type", "").lower().startswith(_FORM):
        raise NotAuthenticated("missing bodySHA256")  # without it nothing would cover the body
    return b"".join(raw(name + value) for name, value in _fields(request.body))


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
