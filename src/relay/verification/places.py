"""Finds the values of a request that a scheme names: in a header, the query or a field of the body."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from relay import limits
from relay.problems import MalformedRequest, NotAuthenticated
from relay.verification.decoding import LOST, decode
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import raw

# A path of a field, such as `signature.token` or `value[].clientState`, where `[]` stands for each item of a list.
FIELD_PATH = r"^(\[\]\.)?[A-Za-z0-9_-]+(\[\])?(\.[A-Za-z0-9_-]+(\[\])?)*$"
PLACE = rf"header:[A-Za-z0-9_-]+|query:[A-Za-z0-9_.-]+|field:{FIELD_PATH[1:-1]}"
PART = re.compile(r"\{([^{}]*)\}")
_STEPS = re.compile(r"\[\]|[^.\[\]]+")


@dataclass(frozen=True)
class Places:
    """The values of one request. The query and the body are decoded once, and only if a value of them is asked for.

    A place is `header:Name`, `query:name` or `field:path`. `decoded` is the body, where it was decoded before.
    """

    request: InboundRequest
    decoded: Any = ...

    def one(self, place: str) -> str:
        """Returns the only value at this place. Raises NotAuthenticated if there is none, an empty one, or several."""
        found = self.all(place)
        if len(found) != 1 or not found[0]:
            raise NotAuthenticated(f"missing {place.replace(':', ' ', 1)}")
        return found[0]

    def all(self, place: str) -> tuple[str, ...]:
        """Returns every value at this place. A value that is no text, number or boolean is the empty text.

        Raises NotAuthenticated if the body or the query can't be decoded.
        """
        kind, _, name = place.partition(":")
        if kind == "header":
            return (self.request.headers.get(name.lower(), ""),)
        if kind == "query":
            return tuple(value for key, value in self._query if key == name)
        return tuple(_text(value) for value in values_at(self._body, name))

    @cached_property
    def _query(self) -> list[tuple[str, str]]:
        try:
            return parse_qsl(
                self.request.query, keep_blank_values=True, errors="strict", max_num_fields=limits.FORM_FIELDS
            )
        except ValueError:  # not UTF-8, or too many parameters
            raise NotAuthenticated("malformed query") from None

    @cached_property
    def _body(self) -> Any:
        if self.decoded is not ...:
            return self.decoded
        try:
            return decode(self.request.body, self.request.headers.get("content-type"), expects="json-or-form")
        except MalformedRequest:
            raise NotAuthenticated("malformed body") from None


def place(header: str, query: str, field: str) -> str:
    """Returns the one of these three places that is named."""
    if field:
        return f"field:{field}"
    return f"query:{query}" if query else f"header:{header}"


def fill(template: str, value_of: Callable[[str], bytes]) -> bytes:
    """Fills a template's `{parts}` in one pass, so that `{id}` within a body isn't replaced."""
    pieces = PART.split(template)
    return b"".join(value_of(piece) if index % 2 else raw(piece) for index, piece in enumerate(pieces))


def values_at(body: Any, path: str) -> list[Any]:
    """Follows a path of a decoded body. What lacks the next step counts as None, so that no item is passed over."""
    found = [body]
    for step in _STEPS.findall(path):
        if step == "[]":
            found = [item for value in found for item in (value if isinstance(value, list) else [None])]
        else:
            found = [value.get(step) if isinstance(value, Mapping) else None for value in found]
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) and LOST not in value else ""
