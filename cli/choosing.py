"""The options by which `parked` and `replay` choose among the parked items."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from relay.model.items import Reason


def chooses(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the verb `--source`, `--reason`, `--event` and `--message`, and its argument `selection`."""

    @click.option("--source", help="Only what came from this source.")
    @click.option("--reason", help="Only what is parked for this reason.")
    @click.option("--event", help="Only what is of the event with this id.")
    @click.option("--message", help="Only what holds the message with this id.")
    @wraps(function)
    def command(
        *, source: str | None, reason: str | None, event: str | None, message: str | None, **others: Any
    ) -> Any:
        from cli.replaying import Selection

        return function(selection=Selection(source, _reason(reason), event, message), **others)

    return command


def _reason(given: str | None) -> "Reason | None":
    """Raises BadParameter."""
    from relay.model.items import Reason

    try:
        return Reason(given) if given else None
    except ValueError:
        raise click.BadParameter(f"expected one of {', '.join(Reason)}", param_hint="--reason") from None
