"""Reads and writes XML. Documents become the same shapes as JSON; DTDs and entities are refused."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

# Elements of these names hold lists. Their children are the items, whatever their names.
LISTS: Final[Mapping[str, str]] = {
    "destinations": "destination",
    "flow": "step",
    "messages": "message",
    "results": "result",
    "scenarios": "scenario",
}
_MAX_DEPTH: Final = 32
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


class BadXml(ValueError):
    """The document is not well formed, has a DTD, or is nested too deeply."""


def parse_xml(body: bytes) -> dict[str, Any]:
    """Reads a document's root element as a dictionary. An empty element counts as absent.

    Raises:
        BadXml: see there.
    """
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:  # ValueError: defusedxml's refusals; LookupError: encodings
        raise BadXml("the body is not well-formed XML, or it has a DTD") from error
    content = _read(root, 0)
    return content if isinstance(content, dict) else {}


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _read(element: Element, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise BadXml("the XML is nested too deeply")
    if _local(element) in LISTS:
        return [_read(child, depth + 1) or {} for child in element]
    if len(element) == 0:
        return element.text or None
    children = ((_local(child), _read(child, depth + 1)) for child in element)
    return {name: value for name, value in children if value is not None}


def render_xml(root: str, payload: Mapping[str, Any]) -> bytes:
    """Writes a payload as a document. Characters that XML can't hold become U+FFFD."""
    return "".join(_write(root, payload)).encode()


def _write(name: str, value: Any) -> Iterator[str]:
    if value is None:
        return
    yield f"<{name}>"
    if isinstance(value, Mapping):
        for child, content in value.items():
            yield from _write(child, content)
    elif isinstance(value, list):
        for item in value:
            yield from _write(LISTS.get(name, "item"), item)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    else:
        yield _ILLEGAL.sub("\ufffd", str(value)).translate(_ESCAPES)
    yield f"</{name}>"
