"""`omni-relay diff`: what a push changed, or what differs between two."""

from typing import TYPE_CHECKING

import click

from cli.frame import Mistake, prints, verb
from cli.output import Output
from cli.proposals import entry_of, history_of, scheduler_of, show_changes
from cli.target import Target, targets

if TYPE_CHECKING:
    from cli.history import History
    from cli.plans import State

_NOW = "now"


@verb("diff", "omni-relay diff", "omni-relay diff 12", "omni-relay diff 10 12", "omni-relay diff 12 now")
@click.argument("pushes", nargs=-1)
@targets
@prints
def command(*, target: Target, out: Output, pushes: tuple[str, ...]) -> None:
    """Show what the last push changed, what push N changed, or what differs between two of them.

    `now` is what SSM holds at present: `diff 12 now` shows what was changed by hand after push 12. Secrets aren't kept,
    so they are never compared.
    """
    from cli.plans import changes_between

    history = history_of(target)
    if len(pushes) > 2:  # noqa: PLR2004 - from and to
        raise Mistake("expected at most two pushes")
    latest = history.head().number
    if not pushes and not latest:
        raise Mistake(f"nothing was pushed to {target.name} yet")
    to = pushes[-1] if pushes else str(latest)
    before = pushes[0] if len(pushes) > 1 else str(_number(to) - 1)
    show_changes(out, changes_between(_state(target, history, before), _state(target, history, to)))


def _state(target: Target, history: "History", push: str) -> "State":
    from cli.pushing import Store

    if push == _NOW:
        current = Store(target.client("ssm"), target.prefix, None, scheduler_of(target)).state()
        return {name: one for name, one in current.items() if one.type != "SecureString"}
    number = _number(push)
    return history.content(entry_of(history, number)) if number else {}


def _number(push: str) -> int:
    if not push.isdecimal():
        raise Mistake(f"expected the number of a push, or {_NOW}, not {push}; `omni-relay history` lists them")
    return int(push)
