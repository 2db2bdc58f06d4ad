"""`omni-relay rollback`: an earlier push again."""

import click

from cli.frame import prints, verb
from cli.output import Output
from cli.proposals import ask, carry_out, of_push, show
from cli.target import Target, targets


@verb(
    "rollback",
    "omni-relay rollback",
    'omni-relay rollback 12 -m "the new texts were wrong"',
    "omni-relay rollback --yes",
)
@click.argument("push", type=click.IntRange(1), required=False)
@click.option("--message", "-m", help="Why; `omni-relay history` shows it.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@targets
@prints
def command(*, target: Target, out: Output, push: int | None, message: str | None, yes: bool) -> None:
    """Bring back every parameter as it was after PUSH, by default after the one before the last.

    It is a push like any other: it shows its plan, asks, and stands in the history. Secrets stay as they are.
    """
    proposal, number = of_push(target, push)
    show(out, proposal)
    if proposal.plan.changes:
        ask(out, f"Roll {target.name} back to push {number}?", yes=yes)
    carry_out(out, proposal, message or f"rollback to {number}", commit=None)
