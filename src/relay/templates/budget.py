"""Bounds what one rendering may cost, because an event's data may be hostile, and turns values into text within it."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from jinja2 import Undefined

from relay import limits


class Refused(ValueError):
    """A template can't have what it asks for. The text quotes no data of the event."""


@dataclass(slots=True)
class Budget:
    """The means of one rendering of `source`, used up as it runs."""

    source: str
    output: int
    iterations: int
    built: int
    deadline: float  # of time.thread_time()

    def spend(self, size: int = 0) -> None:
        """Checks the time, and takes `size` characters or list entries from the budget before they are built."""
        if time.thread_time() > self.deadline:
            raise Refused("it takes too long to render")
        self.built -= size
        if self.built < 0:
            raise Refused("it builds too much text on the way")

    def shown(self, piece: str) -> str:
        """Gives back a piece of the message's text."""
        self.output -= len(piece)
        if self.output < 0:
            raise Refused(f"the text is too long: expected at most {limits.TEXT_CHARS} characters")
        return piece

    def paced(self, values: Iterable[Any]) -> Iterator[Any]:
        """Yields `values`, with a look at the clock before each."""
        for value in values:
            self.spend()
            yield value

    def looped(self, values: Any) -> Iterator[Any]:
        """Yields the entries of a list, or the names of an object, to a loop."""
        if not isinstance(values, list | tuple | Mapping):
            raise mismatch(values, "expected a list")
        for value in self.paced(values):
            self.iterations -= 1
            if self.iterations < 0:
                raise Refused("it loops too often")
            yield value


_budget: ContextVar[Budget] = ContextVar("budget")
budget = _budget.get


def begin(source: str) -> None:
    """Gives the rendering of `source` that starts in this thread its means."""
    deadline = time.thread_time() + limits.TEMPLATE_SECONDS
    _budget.set(Budget(source, limits.TEXT_CHARS, limits.TEMPLATE_ITERATIONS, limits.TEMPLATE_BUILT_CHARS, deadline))


def text_of(value: Any) -> str:
    """Gives a value as a message shows it: null as nothing, other values as in JSON; an undefined one raises."""
    if value is None or isinstance(value, str):
        return value or ""
    return repr(value) if type(value) is int else json_text(value)


def json_text(value: Any) -> str:
    """Gives a value as JSON, and stops as soon as it costs more than is left."""
    pieces = []
    for piece in _JSON.iterencode(value):
        budget().spend(len(piece))
        pieces.append(piece)
    return "".join(pieces)


def checked_number(value: Any) -> Any:
    """Gives a number back if arithmetic on it and its digits stay cheap."""
    if not isinstance(value, int | float):
        raise mismatch(value, "expected a number")
    if not -limits.TEMPLATE_NUMBER <= value <= limits.TEMPLATE_NUMBER:
        raise Refused("a number is too large")
    return value


def mismatch(value: Any, detail: str) -> Refused:
    """Gives the error for a value of a wrong type. An undefined value raises its own, which names it."""
    if isinstance(value, Undefined):
        str(value)
    return Refused(detail)


def _no_json(value: Any) -> Any:
    raise mismatch(value, "expected data of the event: a text, number, list or object")


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_no_json)
