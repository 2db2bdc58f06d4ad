"""`omni-relay history`: who pushed what, when and why."""

from dataclasses import asdict

import click

from cli.frame import prints, verb
from cli.output import Output
from cli.proposals import history_of
from cli.target import Target, targets


@verb(
    "history", "omni-relay history", "omni-relay history --last 50 --stack omni-relay-prod", "omni-relay history --json"
)
@click.option(
    "--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, the newest first."
)
@targets
@prints
def command(*, target: Target, out: Output, last: int) -> None:
    """List the pushes: number, when, who, git commit, what changed, and why (`-m`).

    A commit with a `+` behind it had changes that weren't committed.
    """
    history = history_of(target)
    entries = history.entries(history.head().number, last)
    out.data([{key: value for key, value in asdict(one).items() if key not in {"content", "parts"}} for one in entries])
    if not entries:
        out.line(f"Nothing was pushed to {target.name} yet.")
        return
    rows = [
        (
            str(one.number),
            one.at,
            one.by,
            one.commit or "",
            " ".join(
                f"{sign}{one.counts.get(kind, 0)}"
                for sign, kind in (("-", "deleted"), ("~", "changed"), ("+", "added"))
            ),
            (one.message or "") + ("" if one.done else " (didn't end)"),
        )
        for one in entries
    ]
    out.table(("push", "at (UTC)", "by", "commit", "changes", "why"), rows)
