"""Makes texts fit for a log: masks secrets, credentials, signatures, email addresses and phone numbers in them."""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from relay import limits

HIDDEN = "[redacted]"
_SHOWABLE_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,253}")
_SHOWN_HEAD, _SHOWN_TAIL, _LEAST_HIDDEN = 4, 2, 4
_SHORTEST_SECRET = 4  # masking shorter ones would shred every text
_SHORTEST_ENCODED = 8
_REMEMBERED, _REMEMBERED_CHARS = 512, 64  # how many short texts are remembered with what became of them
_TELLTALE_LENGTH = 16  # longer than the words that follow "basic" or "token:" in plain prose
_SMALLEST_PHONE, _LARGEST_PHONE = 10**10, 10**15 - 1  # smaller integers are counts and sizes

_SCHEMES = "app|basic|bearer|digest|ibsso|token"
_LABELS = "authorization|cookie|signature|secret|password|passwd|token|api[-_]?key|access[-_]?key"
# A word starts here. It may follow a line break that was escaped into two characters.
_START = r"(?:(?<![0-9A-Za-z])|(?<=\\[nrt]))"
_CREDENTIAL = re.compile(rf"(?i){_START}({_SCHEMES})((?:\s|%20|\+){{1,4}})([\w.~+/=:%-]{{6,}}+)")
_LABELLED = re.compile(
    rf"(?i)((?:{_LABELS})[\w-]{{0,16}}\\?[\"']?\s{{0,3}}(?:[:=]|%3D)\s{{0,3}}\\?[\"']?)((?:(?:{_SCHEMES})\s)?[^\s\"',;&}}\\]++)"
)
_SIGNATURE = re.compile(rf"(?i){_START}(v[01]a?|sha(?:1|256|384|512))(=|,|%3D|%2C)[\w+/=%-]{{16,}}+")
_ISSUED = re.compile(
    r"whsec_[\w+/=-]{4,}+|(?:[sr]k_(?:live|test)_|gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-)[\w-]{8,}+"
    r"|A(?:KIA|SIA)[0-9A-Z]{16}|(?:(?<![\w-])|(?<=\\[nrt]))eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)?"
)
_SECRET_KEY = re.compile(rf"(?i){_LABELS}|^(?:raw[-_]?)?body$")

# A run starts only where no other is under way, and the pattern never backtracks into it, so the time is linear.
_RUN = r"[^\s@\"'<>()\[\]{},;:\\|=/%&]"
_EMAIL = re.compile(rf"(?<!{_RUN[:-1]}])({_RUN})({_RUN}*+)(?:@|%40)({_RUN}++)")
_PHONE = re.compile(
    rf"""
    (?P<kept>{_START}(?:
        [0-9A-Fa-f]{{8}}(?:-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}}(?![0-9A-Za-z])       # UUID
        | 1-[0-9a-f]{{8}}-[0-9a-f]{{24}}(?![0-9A-Za-z])                                 # X-Ray trace
        | arn:[a-z-]{{1,20}}:[a-z0-9-]{{0,40}}:[a-z0-9-]{{0,40}}:[0-9]{{12}}(?=:)           # ARN with its account
    ))
    | (?:(?<![0-9])\+|%2[Bb]|{_START}(?<![0-9]\.)00)                                  # +41 79 …, 0041 79 …
      [ (]{{0,2}}[1-9](?:[ ().\-/\u00a0\u202f\u2011]{{0,3}}[0-9]){{6,14}}(?![0-9])
    | {_START}(?<![0-9]\.)                                                           # 41793026727
      (?:1[0-9]{{10}}|[2-9][0-9]{{8,14}}|(?:247|290|500|6[789][0-9])[0-9]{{5}})(?![0-9A-Za-z])
    """,
    re.VERBOSE,
)


def mask_phone(phone: str) -> str:
    """Gives "4179*****27" for "41793026727"; a short number is hidden as a whole."""
    hidden = len(phone) - _SHOWN_HEAD - _SHOWN_TAIL
    if hidden < _LEAST_HIDDEN:
        return "*" * len(phone)
    return phone[:_SHOWN_HEAD] + "*" * hidden + phone[-_SHOWN_TAIL:]


def mask_email(email: str) -> str:
    """Gives "o***@example.com" for "ops@example.com"."""
    name, at, domain = email.rpartition("@")
    if not at or not name[:1].isalnum() or not _SHOWABLE_DOMAIN.fullmatch(domain):
        return "***"
    return f"{name[:1]}***@{domain}"


def masked_addresses(phone: str | None, email: str | None) -> dict[str, str]:
    """Returns a recipient's addresses as logs and records show them."""
    shown = {"phone": mask_phone(phone) if phone else "", "email": mask_email(email) if email else ""}
    return {kind: address for kind, address in shown.items() if address}


def hide_secret(text: str, secret: str) -> str:
    """Gives the text with "[redacted]" in place of a secret, as it is and encoded."""
    for form in sorted(_encodings(secret), key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


class Redactor:
    """Masks what must not be logged. Secrets may be added at any time; everything else is found by its form."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms: tuple[str, ...] = ()
        # Names and many values are the same on each line, and cleaning them is most of what a line costs.
        self._remembered = lru_cache(_REMEMBERED)(self._cleaned)
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Hides a secret in all later texts: as it is, encoded, and the credentials within it."""
        forms = {form for credential in _credentials(secret) for form in _encodings(credential)}
        if not forms.issubset(self._forms):
            self._forms = tuple(sorted(forms.union(self._forms), key=len, reverse=True))
            self._remembered.cache_clear()

    def clean(self, text: str) -> str:
        """Gives the text with "[redacted]" for secrets, and addresses shown as "4179*****27" and "o***@example.com".

        Digits that are part of a word or of a hexadecimal id stay.
        """
        return self._remembered(text) if len(text) <= _REMEMBERED_CHARS else self._cleaned(text)

    def _cleaned(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        text = _ISSUED.sub(HIDDEN, text)
        text = _SIGNATURE.sub(rf"\1\2{HIDDEN}", text)
        text = _CREDENTIAL.sub(_hide_credential, text)
        text = _LABELLED.sub(_hide_labelled, text)
        text = _EMAIL.sub(r"\1***@\3", text)
        return _PHONE.sub(_hide_phone, text)

    def clean_value(self, value: Any) -> Any:
        """Cleans a log record: texts and names at every depth, and whole values under names such as `authorization`."""
        return self._clean_value(value, 0)

    def _clean_value(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, int | float):
            return _clean_number(value)
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._clean_entries(value, depth) if depth < limits.LOG_LEVELS else HIDDEN
        if isinstance(value, bytes | bytearray | memoryview):
            return f"[{len(value)} bytes]"
        return self.clean(str(value))

    def _clean_entries(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return {self.clean(str(name)): self._clean_entry(name, entry, depth) for name, entry in value.items()}
        return [self._clean_value(entry, depth + 1) for entry in value]

    def _clean_entry(self, name: Any, value: Any, depth: int) -> Any:
        if value is not None and _SECRET_KEY.search(str(name)):
            return HIDDEN
        return self._clean_value(value, depth + 1)


def _credentials(secret: str) -> Iterator[str]:
    """Gives the secret and its parts: the key after `App`, the password in `Basic`, the rest of `whsec_…`."""
    yield secret
    bare = secret.removeprefix("whsec_")
    scheme, _, token = secret.partition(" ")
    if token and scheme.lower() in _SCHEMES.split("|"):
        bare = token.strip()
    yield bare
    if scheme.lower() == "basic":
        yield from _basic(bare)


def _basic(token: str) -> Iterator[str]:
    try:
        pair = base64.b64decode(token + "=" * (-len(token) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return
    yield pair
    yield pair.partition(":")[2]


def _encodings(secret: str) -> Iterator[str]:
    """Gives the forms in which a secret may stand in a line, as far as they are long enough to tell from other text."""
    if len(secret) < _SHORTEST_SECRET:
        return
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw), html.escape(secret))
    for text in _base64_forms(raw):
        if len(text) >= _SHORTEST_ENCODED:
            yield from (text, text.replace("+", "-").replace("/", "_"))


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Gives the part of a secret's base64 that stays the same at any place in a longer text, such as `user:secret`."""
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = len(raw) + before
        kept = whole * 8 // 6  # the last character may also carry bits of the next byte
        yield base64.b64encode(bytes(before) + raw).decode()[skipped:kept]


def _looks_secret(text: str) -> bool:
    return len(text) >= _TELLTALE_LENGTH or not text.islower() or not text.isalpha()


def _hide_credential(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}{HIDDEN}" if _looks_secret(match[3]) else match[0]


def _hide_labelled(match: re.Match[str]) -> str:
    return f"{match[1]}{HIDDEN}" if _looks_secret(match[2]) else match[0]


def _hide_phone(match: re.Match[str]) -> str:
    if match["kept"]:
        return match[0]
    sign = "+" if match[0][0] in "+%" else ""
    digits = re.sub(r"[^0-9]", "", match[0].removeprefix("%2B").removeprefix("%2b"))
    return sign + mask_phone(digits)


def _clean_number(value: float | None) -> float | str | None:
    if isinstance(value, int) and value.bit_length() > limits.LOG_NUMBER_BITS:
        return "[large number]"  # no encoder would print it
    if value is None or not _SMALLEST_PHONE <= value <= _LARGEST_PHONE or value != int(value):
        return value
    digits = str(int(value))
    return mask_phone(digits) if _PHONE.fullmatch(digits) else value
