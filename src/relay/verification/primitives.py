"""Parts that the schemes share: the keys, and strict readers that turn any text into bytes or a refusal."""

import base64
import binascii
import hashlib
import hmac
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from relay.problems import NotAuthenticated
from relay.verification.inbound import InboundRequest

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}", re.ASCII)
_TIMES = {
    "seconds": re.compile(r"[0-9]{1,12}", re.ASCII),  # 12 digits reach the year 33658, and float() holds them exactly
    "milliseconds": re.compile(r"[0-9]{1,15}", re.ASCII),
    "iso8601": re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
    ),
}

Encoding = Literal["hex", "base64", "base64url"]
TimeFormat = Literal["seconds", "milliseconds", "iso8601"]


@dataclass(frozen=True, slots=True)
class Keys:
    """The means by which a scheme may verify a request.

    Attributes:
        certificate: fetches a signing certificate in PEM, or raises Unavailable. The scheme checks the address first.
        key_set: gives the keys of a JSON Web Key Set that is at most so many seconds old, or raises Unavailable.
    """

    secrets: tuple[str, ...]
    certificate: Callable[[str], bytes] | None = None
    key_set: Callable[[str, float], Sequence[Mapping[str, Any]]] | None = None

    def certificate_at(self, url: str) -> bytes:
        if self.certificate is None:
            raise NotAuthenticated("no source of certificates")
        return self.certificate(url)

    def required_secrets(self) -> tuple[str, ...]:
        """Returns the secrets that aren't empty, because anybody could sign with an empty one.

        Raises NotAuthenticated if none is left.
        """
        usable = tuple(secret for secret in self.secrets if secret.strip())
        if not usable:
            raise NotAuthenticated("no secret configured")
        return usable


class Scheme(Protocol):
    """One way to prove who sent a request. It is a frozen dataclass, so that settings can replace its fields."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def secret_headers(self) -> tuple[str, ...]:
        """The headers whose values must never be logged."""
        ...

    def check(self, request: InboundRequest, keys: Keys) -> None:
        """Returns if the request is genuine, else raises NotAuthenticated. Hostile bytes raise nothing else."""
        ...


def raw(text: str) -> bytes:
    """Encodes the text. Lone surrogates, which a JSON event can contain, don't raise."""
    return text.encode("utf-8", "surrogatepass")


def header(request: InboundRequest, name: str) -> str:
    value = request.headers.get(name, "")
    if not value:
        raise NotAuthenticated(f"missing header {name}")
    return value


def unix_time(text: str, form: TimeFormat) -> float:
    """Returns Unix seconds.

    A number has ASCII digits only, while int() would take underscores, spaces, signs and other scripts' digits too.
    ISO 8601 must have a time zone.
    """
    if not _TIMES[form].fullmatch(text):
        raise NotAuthenticated("malformed timestamp")
    if form != "iso8601":
        return int(text) / (1000 if form == "milliseconds" else 1)
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:  # such as a thirteenth month
        raise NotAuthenticated("malformed timestamp") from None


def check_window(request: InboundRequest, signed_at: float, *, past: int, future: int) -> None:
    """Refuses a time more than `past` seconds ago or more than `future` seconds ahead. Both limits are allowed."""
    age = request.received_at.timestamp() - signed_at
    if age > past:
        raise NotAuthenticated("stale timestamp")
    if age < -future:
        raise NotAuthenticated("timestamp in the future")


def from_hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def from_base64(text: str) -> bytes | None:
    """Decodes standard base64 in its one right spelling: padded, without blanks or stray bits. Else returns None."""
    try:
        decoded = base64.b64decode(raw(text), validate=True)
    except binascii.Error:
        return None
    return decoded if decoded and base64.b64encode(decoded) == raw(text) else None


def from_base64_key(text: str) -> bytes | None:
    """Decodes a key as people paste it: its padding may be missing."""
    bare = text.strip().rstrip("=")
    return from_base64(bare + "=" * (-len(bare) % 4))


def _from_base64url(text: str) -> bytes | None:
    """Takes the URL's alphabet only, padded or not."""
    if not _BASE64URL.fullmatch(text):
        return None
    bare = text.rstrip("=")
    padded = bare + "=" * (-len(bare) % 4)
    return from_base64(padded.replace("-", "+").replace("_", "/")) if text in (bare, padded) else None


DECODERS: dict[Encoding, Callable[[str], bytes | None]] = {
    "hex": from_hex,
    "base64": from_base64,
    "base64url": _from_base64url,
}
ENCODERS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64url": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
}


def hashed(data: bytes, form: str) -> str:
    """Returns a hash as text. `form` is such as `sha256-hex`, or `crc32` for the decimal number of that checksum."""
    algorithm, _, encoding = form.partition("-")
    return ENCODERS[encoding](hashlib.new(algorithm, data).digest()) if encoding else str(zlib.crc32(data))


def any_equal(expected: bytes, given: Iterable[bytes]) -> bool:
    """Compares all of them, each in constant time, so that the time tells nothing about the outcome."""
    found = False
    for candidate in given:
        found |= hmac.compare_digest(expected, candidate)
    return found
