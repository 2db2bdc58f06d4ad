"""`omni-relay plan`: what a push would change, value by value."""

from cli.frame import prints, verb
from cli.output import Output
from cli.proposals import Files, files, of_files, show
from cli.target import Target, targets


@verb(
    "plan",
    "omni-relay plan",
    "omni-relay plan --stack omni-relay-prod --secrets secrets.yaml",
    "omni-relay plan --json",
)
@targets
@files
@prints
def command(*, target: Target, out: Output, files: Files) -> None:
    """Show what a push would change: every value, deletions first; of a secret only that it changes.

    Nothing is written.
    """
    show(out, of_files(target, files))
