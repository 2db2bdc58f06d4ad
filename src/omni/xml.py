"""The XML form of the API: turns models into documents and back.

Expat, which is part of Python, reads them. Any document type is refused, so there are no entities to expand and nothing
external to fetch.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from omni.errors import InvalidRequest
from omni.models import (
    AdvancedRequest,
    LogsResponse,
    OmniResponse,
    ReportsResponse,
    Scenario,
    ScenariosResponse,
    TextRequest,
)
from omni.wire import Model, WireModel

MAX_DEPTH = 64
ROOTS: Mapping[type[WireModel], str] = {
    TextRequest: "request",
    AdvancedRequest: "request",
    OmniResponse: "omniResponse",
    Scenario: "scenario",
    ScenariosResponse: "scenariosResponse",
    ReportsResponse: "omniReportsResponse",
    LogsResponse: "omniLogsResponse",
}
# Maps each list that has an element of its own to the element of its items. Any other list repeats its element.
ITEM_ELEMENTS: Mapping[str, str] = {
    "destinations": "destination",
    "messages": "message",
    "results": "result",
    "scenarios": "scenario",
    "flow": "step",
    "templateData": "data",
}

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})  # XML reads a bare CR as a line feed


class MalformedXml(ValueError):
    """The document is not well formed, has a document type or text between elements, or is nested too deep."""


def to_xml(model: WireModel) -> bytes:
    """Returns the document of a model.

    Raises:
        InvalidRequest: a value has a character, or an unknown field has a name, that XML can't hold.
    """
    return write_document(ROOTS[type(model)], model.wire())


def write_document(root: str, value: object) -> bytes:
    """Returns the document of a JSON value, without nulls. Raises InvalidRequest (see `to_xml`)."""
    return ('<?xml version="1.0" encoding="UTF-8"?>' + "".join(_element(root, value, root))).encode()


def from_xml(model: type[Model], content: bytes) -> Model:
    """Reads a document with any root name.

    Raises:
        MalformedXml: it is not a document that we read.
        pydantic.ValidationError: it is not this model.
    """
    return model.from_wire(read_document(content)[1])


def read_document(content: bytes) -> tuple[str, Any]:
    """Returns the root's name and its value, which is text or a dict of its children. Attributes are ignored.

    Raises MalformedXml.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(content, True)
    except MalformedXml:
        raise
    except expat.ExpatError as error:
        raise MalformedXml(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
    except (ValueError, LookupError):  # the encoding is unknown to Python or to expat
        raise MalformedXml("its encoding is not supported") from None
    return reader.root


@dataclass(slots=True)
class _Open:
    """An element whose end tag has not come yet."""

    name: str
    texts: list[str] = field(default_factory=list)
    children: list[tuple[str, Any]] = field(default_factory=list)

    def value(self) -> Any:
        text = "".join(self.texts)
        if self.children and text.strip():
            raise MalformedXml(f"text beside the elements of <{self.name}>")
        if self.name in ITEM_ELEMENTS and not text.strip():
            return [value for _, value in self.children]
        return _grouped(self.children) if self.children else text


class _Reader:
    """Builds the value while expat reads the document."""

    def __init__(self) -> None:
        self.root: tuple[str, Any] = ("", "")
        self._open: list[_Open] = []

    def doctype(self, *_: object) -> None:
        raise MalformedXml("a document type is not allowed")

    def start(self, name: str, _: object) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise MalformedXml(f"deeper than {MAX_DEPTH} elements")
        self._open.append(_Open(name))

    def text(self, data: str) -> None:
        self._open[-1].texts.append(data)

    def end(self, name: str) -> None:
        value = self._open.pop().value()
        if self._open:
            self._open[-1].children.append((name, value))
        else:
            self.root = (name, value)


def _grouped(children: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes a value of an element that occurs once, and a list of one that repeats."""
    groups: dict[str, list[Any]] = {}
    for name, value in children:
        groups.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in groups.items()}


def _element(name: str, value: object, path: str, depth: int = 1) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        raise InvalidRequest(path, "the field's name can't be an XML element")
    if depth > MAX_DEPTH:
        raise InvalidRequest(path, f"nested deeper than {MAX_DEPTH}")
    yield f"<{name}>"
    if isinstance(value, dict):
        for child, item in value.items():
            yield from _field(child, item, f"{path}/{child}", depth + 1)
    else:
        yield _text(value, path)
    yield f"</{name}>"


def _field(name: str, value: object, path: str, depth: int) -> Iterator[str]:
    if isinstance(value, list):
        item_name = ITEM_ELEMENTS.get(name)
        wrapper = item_name is not None
        yield f"<{name}>" if wrapper else ""
        for index, item in enumerate(value):
            yield from _element(item_name or name, item, f"{path}/{index}", depth + wrapper)
        yield f"</{name}>" if wrapper else ""
    elif value is not None:
        yield from _element(name, value, path, depth)


def _text(value: object, path: str) -> str:
    if isinstance(value, list):
        raise InvalidRequest(path, "XML can't hold a list of lists")
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    illegal = _ILLEGAL.search(text)
    if illegal:
        raise InvalidRequest(path, f"character U+{ord(illegal[0]):04X} at {illegal.start()} can't be sent in XML")
    return text.translate(_ESCAPES)
