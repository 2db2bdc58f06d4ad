"""Makes a text fit for a message: no control characters, no half of a character pair, no margin."""

import re

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def message_text(text: str) -> str:
    """Removes control characters and outer white space, and replaces each half of a character pair by U+FFFD."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", _UNPRINTABLE.sub("", lines)).strip()


def message_line(text: str) -> str:
    """Cleans a text and joins its lines, because a line break would end the header that holds a mail's subject."""
    return " ".join(filter(None, (line.strip() for line in message_text(text).splitlines())))
