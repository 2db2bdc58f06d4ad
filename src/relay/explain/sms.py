"""How an SMS is encoded, and how many parts it takes, by 3GPP TS 23.038 (alphabets) and 23.040 (parts)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # each takes two places: an escape, and the character
_PLACES = {"GSM-7": (160, 153), "UCS-2": (70, 67)}  # of one SMS that stands alone, and of one of several


@dataclass(frozen=True, slots=True)
class SmsSize:
    """The size of a text as an SMS.

    Attributes:
        encoding: GSM-7 if its alphabet has all of the text's characters.
        segments: how many parts are sent, and paid for.
        places: how many places the text takes, of those that `segments` have.
        costly: the characters for which the text isn't GSM-7, at most ten.
    """

    encoding: Literal["GSM-7", "UCS-2"]
    segments: int
    places: int
    costly: str = ""


def sms_size(text: str) -> SmsSize:
    """Measures a text. The network of the recipient may encode it in another way."""
    foreign = "".join(dict.fromkeys(c for c in text if c not in _GSM and c not in _GSM_EXTENDED))
    encoding: Literal["GSM-7", "UCS-2"] = "UCS-2" if foreign else "GSM-7"
    widths = [_width(character, encoding) for character in text]
    alone, part = _PLACES[encoding]
    segments = 1 if sum(widths) <= alone else _parts(widths, part)
    return SmsSize(encoding, segments, sum(widths), foreign[:10])


def _width(character: str, encoding: str) -> int:
    if encoding == "GSM-7":
        return 2 if character in _GSM_EXTENDED else 1
    return len(character.encode("utf-16-le")) // 2  # two for a surrogate pair


def _parts(widths: Sequence[int], places: int) -> int:
    """Counts the parts. A character that takes two places isn't cut in two."""
    parts, left = 1, places
    for width in widths:
        if width > left:
            parts, left = parts + 1, places
        left -= width
    return parts
