"""A mistake in relay.yaml or the secrets file: where it stands, what was expected, and the nearest right name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from configuration.files import Document, Parts, Unreadable

_SHORT = 3  # letters
_SURE, _SURE_IF_SHORT = 0.65, 0.5  # the share of equal letters from which a name is suggested


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake that a person wrote.

    Attributes:
        problem: what was expected. It holds no secret.
        source, route: None where the mistake is outside of one.
        field: the path of the field within the route or the source, such as `to[0].phone`; empty for the whole.
        meant: the nearest right name, if there is one.
        file, line, column: None for a configuration that wasn't read from a file.
    """

    problem: str
    source: str | None = None
    route: str | None = None
    field: str = ""
    meant: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def where(self) -> str:
        """The source, route and field, such as `source ci, route failed, text`."""
        parts = (
            self.source and f"source {shown(self.source)}",
            self.route and f"route {shown(self.route)}",
            self.field,
        )
        return ", ".join(part for part in parts if part)

    @property
    def place(self) -> str:
        """The file, line and column as editors take them, such as `relay.yaml:12:9`."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        hint = f" Did you mean {self.meant}?" if self.meant else ""
        return ": ".join(part for part in (self.place, self.where, f"{self.problem}{hint and '.'}{hint}") if part)


class Mistakes(ValueError):
    """A configuration can't be used; it lists every mistake."""

    def __init__(self, found: Iterable[Mistake]) -> None:
        self.found = tuple(found)
        super().__init__("\n".join(map(str, self.found)))

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each mistake."""
        return tuple(map(str, self.found))


def at(document: Mapping[str, Any], path: Parts) -> dict[str, Any]:
    """Gives the arguments `file`, `line` and `column` of the part of a document that `path` leads to."""
    if not isinstance(document, Document):
        return {}
    line, column = document.place_of(path) or (None, None)
    return {"file": str(document.file), "line": line, "column": column}


def of_unreadable(problem: Unreadable) -> Mistake:
    """Gives the mistake of a file that isn't YAML, or isn't there."""
    return Mistake(problem.problem, file=str(problem.file), line=problem.line, column=problem.column)


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Gives the name that `word` was probably meant to be."""
    by_letters = {name.lower(): name for name in names}
    near = get_close_matches(word.lower(), by_letters, 1, _SURE if len(word) > _SHORT else _SURE_IF_SHORT)
    return by_letters[near[0]] if near else None


def shown(name: str) -> str:
    """Gives the name in a form that fits in one line, whatever it holds."""
    return name if name.isprintable() else repr(name)
