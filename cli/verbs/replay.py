"""`omni-relay replay`: puts parked items back on the delivery queue."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from cli.choosing import chooses
from cli.frame import Mistake, prints, verb
from cli.output import Output
from cli.target import Target, targets

if TYPE_CHECKING:
    from cli.letters import Entry
    from cli.previews import Row
    from cli.replaying import Fate, Selection


@verb(
    "replay",
    "omni-relay replay --dry-run",
    "omni-relay replay --event 72d3162e-cc78-11e3-81ab-4c9367dc0958",
    "omni-relay replay --source github --reason route_invalid",
)
@chooses
@click.option("--queue-url", help="Instead of the stack's output.")
@click.option("--dead-letter-queue-url", help="Instead of the stack's output.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and leave it where it is.")
@targets
@prints
def command(
    *,
    target: Target,
    out: Output,
    selection: "Selection",
    queue_url: str | None,
    dead_letter_queue_url: str | None,
    dry_run: bool,
) -> None:
    """Put what is parked back on the queue: one event or message, some, or all.

    It names each item that goes back, and what stays. A dispatch goes back as it was made; an event goes through
    today's routes. What was sent already is recognised, and isn't sent again. --dry-run shows what would be sent, by
    what the stack has in SSM.
    """
    from cli.replaying import dead_letters, replay

    letters = dead_letters(target, queue_url, dead_letter_queue_url)
    shown = _Shown(out, _explaining(target) if dry_run else None)
    with out.progress() as bar:
        task = bar.add_task("parked items", total=len(letters))

        def show(entry: "Entry", fate: "Fate") -> None:
            bar.advance(task)
            shown.item(entry, fate)

        tally = replay(letters, selection, dry_run=dry_run, show=show)
    shown.rest()
    out.line(f"{tally.replayed} {'would be ' if dry_run else ''}replayed, {tally.left} left")
    out.data({"replayed": tally.replayed, "left": tally.left, "items": shown.items})
    if (selection.event or selection.message) and not shown.chosen:
        raise Mistake("nothing that is parked has this id; omni-relay parked lists what is there")


def _explaining(target: Target) -> "Callable[[Entry], list[Row]]":
    from functools import partial

    from cli.explaining import by_target
    from cli.prospects import prospects

    return partial(prospects, explaining=by_target(target))


@dataclass
class _Shown:
    """Shows each item once. What wasn't chosen is only counted. `would` explains what goes back, in a dry run."""

    out: Output
    would: "Callable[[Entry], list[Row]] | None"
    items: list[dict[str, Any]] = field(default_factory=list)
    chosen: int = 0
    others: Counter[str] = field(default_factory=Counter)

    def item(self, entry: "Entry", fate: "Fate") -> None:
        from dataclasses import asdict

        from cli.parked import attempts, detail, in_words, summary
        from cli.replaying import Fate

        goes = fate is Fate.GOES
        rows = self.would(entry) if self.would and goes else []
        would = {"would": [asdict(row) for row in rows]} if self.would else {}
        self.items.append({"goes": goes, "fate": fate, **summary(entry), **would})
        if fate is Fate.NOT_CHOSEN:
            self.others[f"{entry.parked.reason} of {entry.parked.source or '(unknown source)'}"] += 1
            return
        self.chosen += 1
        verb = ("would go back" if self.would else "goes back") if goes else f"stays, because {fate}"
        self.out.line(f"{verb}: {in_words(entry)}", "green" if goes else "yellow")
        self.out.line(f"  {entry.parked.reason}: {detail(entry)} ({attempts(entry)})")
        self._rows(rows)

    def _rows(self, rows: "list[Row]") -> None:
        from cli.previews import in_words

        for row in rows:
            self.out.line(f"  → {in_words(row)}", "red" if row.fails else "")

    def rest(self) -> None:
        for what, number in self.others.items():
            self.out.line(f"stays, not chosen: {number} with {what}", "dim")
