"""`omni-relay push`: writes relay.yaml and its secrets into SSM Parameter Store."""

import click

from cli.frame import Refused, prints, verb
from cli.output import Output
from cli.proposals import Files, ask, carry_out, commit_of, files, of_files, show
from cli.target import Target, targets


@verb(
    "push",
    'omni-relay push --secrets secrets.yaml -m "the on-call phone has changed"',
    "omni-relay push --stack omni-relay-prod --yes --after 12",
)
@click.option("--message", "-m", help="Why; `omni-relay history` shows it.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--after", type=int, help="Refuse if the last push isn't this one, of which `plan` spoke.")
@targets
@files
@prints
def command(*, target: Target, out: Output, files: Files, message: str | None, yes: bool, after: int | None) -> None:
    """Write relay.yaml and its secrets into SSM Parameter Store, after showing the plan and asking.

    The variable OMNI_AUTHORIZATION gives the value of the account's Authorization header; it is needed once. Each push
    is kept without its secrets: see `history`, `diff` and `rollback`.
    """
    proposal = of_files(target, files)
    if after is not None and proposal.plan.number != after:
        raise Refused(f"the last push is {proposal.plan.number}, not {after}: look at the plan again")
    show(out, proposal)
    if proposal.plan.changes:
        ask(out, f"Push to {target.name}?", yes=yes)
    carry_out(out, proposal, message, commit=commit_of(files.config))
