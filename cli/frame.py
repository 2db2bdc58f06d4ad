"""The frame of a verb: examples in its help, `--json`, and the errors that end it."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from cli.output import Output

DONE: Final = 0
REFUSED: Final = 1  # AWS refused, or can't be reached
MISTAKE: Final = 2  # in a file, an option, or an answer
FOUND: Final = 3  # the check found something

_Verb = TypeVar("_Verb", bound=Callable[..., Any])


class Mistake(click.ClickException):
    """The person must correct something first. `message` says what and how."""

    exit_code = MISTAKE


class Refused(click.ClickException):
    """AWS, or what stands in for it, refused or doesn't answer."""

    exit_code = REFUSED


class VerbCommand(click.Command):
    """A click command whose help ends with examples."""

    examples: Sequence[str] = ()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                formatter.write_text("\b\n" + "\n".join(self.examples))
        super().format_epilog(ctx, formatter)


def verb(name: str, *examples: str) -> Callable[[Callable[..., int | None]], VerbCommand]:
    """Makes a verb of a function. Its docstring is the help, and its result is the exit code; None means DONE."""

    def make(function: Callable[..., int | None]) -> VerbCommand:
        command = click.command(name, cls=VerbCommand)(function)
        command.examples = examples
        return command

    return make


def prints(function: _Verb) -> _Verb:
    """Gives the verb the option `--json`, and its argument `out`, by which it prints."""
    option = click.option(
        "--json",
        "out",
        is_flag=True,
        help="Print JSON, for other programs.",
        callback=lambda _context, _option, as_json: Output(as_json=as_json),
    )
    return option(function)
