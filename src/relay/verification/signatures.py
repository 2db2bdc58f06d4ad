"""Signatures by a shared secret or a public key: one description for every sender that signs what it sends."""

import hmac
from dataclasses import dataclass
from typing import Literal, cast

from relay.problems import NotAuthenticated
from relay.verification.inbound import InboundRequest
from relay.verification.places import Places, fill, place
from relay.verification.primitives import (
    DECODERS,
    Encoding,
    Keys,
    TimeFormat,
    any_equal,
    check_window,
    from_base64_key,
    from_hex,
    hashed,
    header,
    raw,
    unix_time,
)
from relay.verification.public_keys import PublicAlgorithm, verifies

HmacAlgorithm = Literal["sha1", "sha256", "sha384", "sha512"]
KeyEncoding = Literal["text", "base64", "hex", "pem"]

_DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64, "ed25519": 64}
_KEY_MARKS = ("whsec_", "whpk_")


@dataclass(frozen=True, slots=True)
class SignedContent:
    """The content that a request claims is signed, and its signatures, still as text."""

    content: bytes
    signatures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """Describes where the signature is, what it covers and how long it is valid.

    Attributes:
        header: carries the signature; all header names are lower-case.
        query: names the parameter of the query that carries it instead.
        field: is the path of the body's field that carries it instead (see places.FIELD_PATH).
        other_header: carries it for a sender that is renaming its header; read first where both are sent.
        algorithm: an HMAC's hash if the secret is shared, else the kind of the public key.
        prefix: stands before each signature. Items of the header without it belong to other versions and are ignored.
        separator: stands between signatures where the header may list several; blanks after it don't count.
        signed: what the signature covers. docs/senders/hmac.md lists the parts that it may name.
        timestamp_header: carries the time of signing.
        timestamp_field: is the path of the body's field that carries it instead. If `signed` doesn't name the
            timestamp, it is read after the signature over the whole body was found right.
        timestamp_prefix: marks the timestamp if it is an item of the signature header itself.
        tolerance: seconds by which the timestamp may lie in the past.
        future: seconds by which it may lie in the future; by default as many as `tolerance`.
        key_encoding: how the secret's text gives the key. Base64 may follow `whsec_` or `whpk_`.
        public_url: the address as the sender knows it, without a query, for `{url}` and `{path}`.
        covers_body: whether the signature covers the whole body.
    """

    header: str = ""
    query: str = ""
    field: str = ""
    other_header: str | None = None
    algorithm: HmacAlgorithm | PublicAlgorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    separator: str | None = None
    signed: str = "{body}"
    timestamp_header: str | None = None
    timestamp_field: str | None = None
    timestamp_prefix: str | None = None
    timestamp_format: TimeFormat = "seconds"
    id_header: str | None = None
    tolerance: int = 300
    future: int | None = None
    key_encoding: KeyEncoding = "text"
    public_url: str = ""
    covers_body: bool = True

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return tuple(name for name in (self.header, self.other_header) if name)

    def check(self, request: InboundRequest, keys: Keys) -> None:
        secrets = keys.required_secrets()
        signed = self.read(request)
        given = self.signatures(signed)
        if not given:
            raise NotAuthenticated("malformed signature")
        if not self.matches(signed.content, given, secrets):
            raise NotAuthenticated("wrong signature")
        if self.timestamp_field and "{timestamp}" not in self.signed:
            self._check_window(request, Places(request).one(f"field:{self.timestamp_field}"))

    def read(self, request: InboundRequest) -> SignedContent:
        """Takes the request apart and checks a signed timestamp. The caller still has to check the signatures."""
        places = Places(request)
        value = request.headers.get(self.other_header or "") or places.one(place(self.header, self.query, self.field))
        items = _items(value, self.separator) if self.separator else (value,)
        timestamp = ""
        if "{timestamp}" in self.signed:
            timestamp = self._timestamp(places, items)
            self._check_window(request, timestamp)
        identifier = header(request, self.id_header) if self.id_header else ""
        return SignedContent(self.content(places, timestamp, identifier), items)

    def content(self, places: Places, timestamp: str, identifier: str) -> bytes:
        """Returns what is signed."""
        given = {"body": places.request.body, "timestamp": raw(timestamp), "id": raw(identifier)}
        return fill(self.signed, lambda part: given[part] if part in given else raw(self._part(places, part)))

    def signatures(self, signed: SignedContent) -> tuple[bytes, ...]:
        """Returns the well-formed signatures of this scheme's version."""
        texts = (item.removeprefix(self.prefix) for item in signed.signatures if item.startswith(self.prefix))
        decoded = (DECODERS[self.encoding](text) for text in texts)
        length = _DIGEST_BYTES.get(self.algorithm)
        return tuple(value for value in decoded if value is not None and length in (None, len(value)))

    def matches(self, content: bytes, given: tuple[bytes, ...], secrets: tuple[str, ...]) -> bool:
        found = False
        for secret in secrets:
            key = self.key(secret)
            if not key:
                continue
            if self.algorithm.startswith("sha"):
                found |= any_equal(hmac.digest(key, content, self.algorithm), given)
            else:
                algorithm = cast("PublicAlgorithm", self.algorithm)
                found |= any(verifies(algorithm, key, signature, content) for signature in given)
        return found

    def key(self, secret: str) -> bytes | None:
        """Returns the key that the secret's text stands for, or None if it stands for none."""
        match self.key_encoding:
            case "base64":
                for mark in _KEY_MARKS:
                    secret = secret.removeprefix(mark)
                return from_base64_key(secret)
            case "hex":
                return from_hex(secret)
            case _:
                return raw(secret)

    def _timestamp(self, places: Places, items: tuple[str, ...]) -> str:
        if self.timestamp_header:
            return header(places.request, self.timestamp_header)
        if self.timestamp_field:
            return places.one(f"field:{self.timestamp_field}")
        stamps = [item for item in items if item.startswith(self.timestamp_prefix or "")]
        if len(stamps) != 1:
            raise NotAuthenticated("malformed timestamp")
        return stamps[0].removeprefix(self.timestamp_prefix or "")

    def _check_window(self, request: InboundRequest, timestamp: str) -> None:
        future = self.tolerance if self.future is None else self.future
        check_window(request, unix_time(timestamp, self.timestamp_format), past=self.tolerance, future=future)

    def _part(self, places: Places, part: str) -> str:
        request = places.request
        query = f"?{request.query}" if request.query else ""
        match part.partition(":"):
            case "header", _, _:
                return places.one(part)
            case "field" | "query", _, _:
                return "".join(places.all(part)[:1])  # an absent value is signed as an empty one
            case "body_hash", _, form:
                return hashed(request.body, form)
        path = "/" + self.public_url.partition("://")[2].partition("/")[2]
        return {"method": request.method, "url": self.public_url + query, "path": path, "query?": query}[part]


def _items(value: str, separator: str) -> tuple[str, ...]:
    """Splits a list. Blanks after a separator don't count, because proxies that join headers add them."""
    return tuple(item.lstrip(" \t") for item in value.split(separator))
