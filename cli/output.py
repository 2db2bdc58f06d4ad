"""Prints for people and for programs: colours only for a terminal, never a control character of somebody's data."""

import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress

_PIPE_WIDTH = 200  # tables aren't folded for grep
# A text of an event could otherwise move the cursor, or write in the terminal's title.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Gives the text with each control character replaced by its code. Line breaks stay."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


@dataclass(frozen=True)
class Output:
    """Prints for a verb. Results go to standard output; remarks and progress go to standard error.

    With `as_json` only `data` prints to standard output, so that programs read one JSON value.
    """

    as_json: bool = False

    @cached_property
    def console(self) -> "Console":
        return _console(sys.stdout)

    @cached_property
    def errors(self) -> "Console":
        return _console(sys.stderr)

    def data(self, value: Any) -> None:
        """Prints the value if JSON was asked for. Dates and the like become text."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")

    def line(self, text: str = "", style: str = "") -> None:
        """Prints a line for people."""
        if not self.as_json:
            self.console.print(plain(text), style=style or None, soft_wrap=True)

    def pieces(self, *pieces: tuple[str, str], joint: str = "") -> None:
        """Prints a line of texts, each with its style, for people. Empty texts are left out."""
        from rich.text import Text

        if not self.as_json:
            shown = [Text(plain(text), style=style) for text, style in pieces if text]
            self.console.print(Text(joint).join(shown), soft_wrap=True)

    def show(self, what: "RenderableType") -> None:
        """Prints one of rich's renderables for people. Texts of events in it go through `plain` first."""
        if not self.as_json:
            self.console.print(what)

    def remark(self, text: str, style: str = "") -> None:
        """Prints a line to standard error, with JSON too."""
        self.errors.print(plain(text), style=style or None, soft_wrap=True)

    def table(self, titles: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """Prints a table without lines around it, which can be cut by other programs."""
        from rich.table import Table
        from rich.text import Text

        table = Table(*titles, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(plain(cell)) for cell in row))
        self.show(table)

    def progress(self) -> "Progress":
        """Gives a bar on standard error, which shows only on a terminal."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        return Progress(*columns, console=self.errors, transient=True, disable=not self.errors.is_terminal)


def _console(file: TextIO) -> "Console":
    from rich.console import Console

    terminal = file.isatty()
    return Console(
        file=file,
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=terminal,  # whatever CI variables rich would obey
        color_system="auto" if terminal and not os.environ.get("NO_COLOR") else None,
        width=None if terminal else _PIPE_WIDTH,
    )
