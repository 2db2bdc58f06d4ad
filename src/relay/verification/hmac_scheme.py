"""Signatures by a shared secret: one description for every sender that puts an HMAC into a header."""

import hmac
import re
from dataclasses import dataclass
from typing import Literal

from relay.problems import NotAuthenticated
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import (
    Keys,
    any_equal,
    check_window,
    from_base64,
    from_base64_key,
    from_hex,
    header,
    raw,
    unix_seconds,
)

Algorithm = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]

_DIGEST_BYTES: dict[Algorithm, int] = {"sha1": 20, "sha256": 32, "sha512": 64}
_DECODERS = {"hex": from_hex, "base64": from_base64}
_PLACEHOLDER = re.compile(r"(\{timestamp\}|\{id\}|\{body\})")


@dataclass(frozen=True, slots=True)
class SignedContent:
    """The content that a request claims is signed, and its signatures, still as text."""

    content: bytes
    signatures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HmacScheme:
    """Describes where the signature is, what it covers and how long it is valid.

    Attributes:
        header: carries the signature; all header names are lower-case.
        other_header: carries it for a sender that is renaming its header; read first where both are sent.
        prefix: stands before each signature. Items of the header without it belong to other versions and are ignored.
        separator: stands between signatures where the header may list several; blanks after it don't count.
        signed: what the signature covers, made of `{timestamp}`, `{id}` and `{body}`.
        timestamp_header: carries the Unix time of signing, in seconds.
        timestamp_prefix: marks the timestamp if it is an item of the signature header itself.
        tolerance: seconds by which the timestamp may lie in the past.
        future: seconds by which it may lie in the future; by default as many as `tolerance`.
        base64_key: if true, the secret is base64 after an optional `whsec_`; else its text is the key.
    """

    header: str = ""
    other_header: str | None = None
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    separator: str | None = None
    signed: str = "{body}"
    timestamp_header: str | None = None
    timestamp_prefix: str | None = None
    id_header: str | None = None
    tolerance: int = 300
    future: int | None = None
    base64_key: bool = False

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return (self.header, self.other_header) if self.other_header else (self.header,)

    def check(self, request: InboundRequest, keys: Keys) -> None:
        secrets = keys.required_secrets()
        signed = self.read(request)
        given = self.signatures(signed)
        if not given:
            raise NotAuthenticated("malformed signature")
        if not self.matches(signed.content, given, secrets):
            raise NotAuthenticated("wrong signature")

    def read(self, request: InboundRequest) -> SignedContent:
        """Takes the request apart and checks its timestamp. The caller still has to check the signatures."""
        value = request.headers.get(self.other_header or "") or header(request, self.header)
        items = _items(value, self.separator) if self.separator else (value,)
        timestamp = self._timestamp(request, items)
        if timestamp is not None:
            future = self.tolerance if self.future is None else self.future
            check_window(request, unix_seconds(timestamp), past=self.tolerance, future=future)
        identifier = header(request, self.id_header) if self.id_header else ""
        return SignedContent(self.content(request.body, timestamp or "", identifier), items)

    def content(self, body: bytes, timestamp: str, identifier: str) -> bytes:
        """Fills the `signed` template in one pass, so that `{id}` within a body isn't replaced."""
        values = {"{timestamp}": raw(timestamp), "{id}": raw(identifier), "{body}": body}
        return b"".join(values.get(part, raw(part)) for part in _PLACEHOLDER.split(self.signed))

    def signatures(self, signed: SignedContent) -> tuple[bytes, ...]:
        """Returns the well-formed signatures of this scheme's version."""
        texts = (item.removeprefix(self.prefix) for item in signed.signatures if item.startswith(self.prefix))
        decoded = (_DECODERS[self.encoding](text) for text in texts)
        return tuple(value for value in decoded if value is not None and len(value) == _DIGEST_BYTES[self.algorithm])

    def matches(self, content: bytes, given: tuple[bytes, ...], secrets: tuple[str, ...]) -> bool:
        found = False
        for secret in secrets:
            key = self.key(secret)
            if key:
                found |= any_equal(hmac.digest(key, content, self.algorithm), given)
        return found

    def key(self, secret: str) -> bytes | None:
        return from_base64_key(secret.removeprefix("whsec_")) if self.base64_key else raw(secret)

    def _timestamp(self, request: InboundRequest, items: tuple[str, ...]) -> str | None:
        if self.timestamp_header:
            return header(request, self.timestamp_header)
        if self.timestamp_prefix is None:
            return None
        stamps = [item for item in items if item.startswith(self.timestamp_prefix)]
        if len(stamps) != 1:
            raise NotAuthenticated("malformed timestamp")
        return stamps[0].removeprefix(self.timestamp_prefix)


def _items(value: str, separator: str) -> tuple[str, ...]:
    """Splits a list. Blanks after a separator don't count, because proxies that join headers add them."""
    return tuple(item.lstrip(" \t") for item in value.split(separator))
