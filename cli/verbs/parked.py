"""`omni-relay parked`: what is parked, why, and what to do about it."""

from typing import TYPE_CHECKING

from cli.choosing import chooses
from cli.frame import prints, verb
from cli.output import Output
from cli.target import Target, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.letters import Entry
    from cli.replaying import Selection
    from relay.model.items import Reason


@verb(
    "parked",
    "omni-relay parked",
    "omni-relay parked --source github --reason route_invalid",
    "omni-relay parked --json",
)
@chooses
@targets
@prints
def command(*, target: Target, out: Output, selection: "Selection") -> None:
    """List what is parked by its reason, with the cure of each reason. Recipients are masked.

    `omni-relay replay` puts it back. Everything stays where it is.
    """
    from cli.parked import summary
    from cli.replaying import dead_letters
    from relay.model.items import Reason

    letters = dead_letters(target)
    with out.progress() as bar:
        task = bar.add_task("parked items", total=len(letters))
        found, others = letters.listed(selection, lambda: bar.advance(task))
    out.data([summary(entry) for entry in found])
    for reason in Reason:
        _group(out, reason, [entry for entry in found if entry.parked.reason is reason])
    out.line(f"{len(found)} parked" + (f", {others} more that you didn't ask for" if others else ""))


def _group(out: Output, reason: "Reason", entries: "Sequence[Entry]") -> None:
    from cli.cures import CURES
    from cli.parked import addressee, attempts, detail, in_words

    if not entries:
        return
    out.pieces((reason, "red bold"), (f": {CURES[reason]}", ""))
    for entry in sorted(entries, key=lambda entry: entry.parked.last_attempt_at):
        out.line(f"  {in_words(entry)}", "bold")
        for one in entry.facts.messages:
            out.line(f"    {addressee(one)}")
        out.line(f"    {detail(entry)} ({attempts(entry)})")
    out.line()
