"""What a rendering may still spend, and how values become text within it."""

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

MAX_INTEGER_BITS = 256


class Refused(ValueError):
    """A template asked for more than it gets."""


@dataclass(slots=True)
class Budget:
    """The means of one rendering, used up as it runs."""

    iterations: int
    characters: int
    deadline: float  # of time.thread_time()

    def tick(self) -> None:
        if time.thread_time() > self.deadline:
            raise Refused("it takes too long to render")

    def build(self, size: int) -> None:
        """Pays for `size` characters or list entries, before they are made wherever they could be many."""
        self.tick()
        self.characters -= size
        if self.characters < 0:
            raise Refused("it builds too much text on the way")

    def each(self, values: Iterable[Any]) -> Iterator[Any]:
        """Yields `values`, one iteration paid for each, and one for the loop itself."""
        self._iterate()
        for value in values:
            self._iterate()
            yield value

    def _iterate(self) -> None:
        self.tick()
        self.iterations -= 1
        if self.iterations < 0:
            raise Refused("it loops too often")


_budget: ContextVar[Budget] = ContextVar("budget")


def begin(*, iterations: int, characters: int, seconds: float) -> None:
    """Gives the rendering that starts in this thread its means."""
    _budget.set(Budget(iterations, characters, time.thread_time() + seconds))


def budget() -> Budget:
    return _budget.get()


def text_of(value: Any) -> str:
    """Gives a value as a message shows it: null as nothing, other values as in JSON; an undefined one raises."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return json_text(value)


def number_text(value: float) -> str:
    return repr(checked_number(value))


def checked_number(value: Any) -> int | float:
    """Gives a number back if arithmetic on it and its digits stay cheap."""
    if not isinstance(value, int | float):
        raise Refused("expected a number")
    if isinstance(value, int):
        if value.bit_length() > MAX_INTEGER_BITS:
            raise Refused("a number is too large")
    elif not math.isfinite(value):
        raise Refused("a number is not finite")
    return value


def json_text(value: Any) -> str:
    """Gives a value as JSON, stopping as soon as it costs more than is left."""
    pieces = []
    for piece in json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_not_data).iterencode(value):
        budget().build(len(piece))
        pieces.append(piece)
    return "".join(pieces)


def _not_data(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    str(value)  # an undefined value says here which one it is
    raise Refused("expected data of the event: a text, number, list or object")
