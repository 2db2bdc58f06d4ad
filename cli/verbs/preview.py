"""`omni-relay preview`: who would hear what of each event in a folder, and what a change of relay.yaml changes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.frame import DONE, FOUND, Mistake, prints, verb
from cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cli.previews import Difference, Preview, Row

_TITLES = ("event", "route", "to", "scenario", "channel", "SMS", "text")


@verb(
    "preview",
    "omni-relay preview",
    "omni-relay preview --against origin/main   # what a branch changes",
    "omni-relay preview --against other.yaml --events samples",
)
@click.option("--config", type=click.Path(path_type=Path), default="relay.yaml", show_default=True)
@click.option("--events", type=click.Path(path_type=Path), default="events", show_default=True, help="A folder.")
@click.option("--against", help="Another file, or a revision of git: show only what changes since.")
@prints
def command(*, out: Output, config: Path, events: Path, against: str | None) -> int:
    """Say who would hear what of each event in events/, by relay.yaml. Nothing is sent or called.

    Signatures aren't looked at, and neither are mutes that were set by `mute`. The exit code is 3 if an event would be
    parked or refused; with --against, only if the change makes it so.
    """
    from cli.events import all_in
    from cli.previews import differences, other_version, preview
    from configuration.files import read_yaml

    found = dict(all_in(events))
    if not found:
        raise Mistake(f"there are no events in {events}: expected files as `events/*.json`")
    now = preview(found, read_yaml(config))
    if against is not None:
        return _compared(out, list(differences(preview(found, other_version(config, against)), now)), len(found))
    return _shown(out, now, len(found) - len(now))


def _shown(out: Output, now: "Preview", others: int) -> int:
    from dataclasses import asdict

    out.data({event: [asdict(row) for row in rows] for event, rows in now.items()})
    out.table(_TITLES, (_cells(event, row) for event, rows in now.items() for row in rows))
    if others:
        out.remark(f"{others} more in the folder are of sources that relay.yaml doesn't have.")
    return _code(row for rows in now.values() for row in rows)


def _compared(out: Output, changed: "Sequence[Difference]", events: int) -> int:
    from dataclasses import asdict

    from cli.explanations import counted
    from cli.previews import in_words

    out.data([asdict(one) for one in changed])
    for one in changed:
        out.line(one.event, "bold")
        for sign, style, rows in (("-", "red", one.gone), ("+", "green", one.new)):
            for row in rows:
                out.line(f"  {sign} {in_words(row)}", style)
    out.line(f"{len(changed)} of {counted(events, 'event')} would be told otherwise" if changed else "nothing changes")
    return _code(row for one in changed for row in one.new)


def _code(rows: "Iterable[Row]") -> int:
    return FOUND if any(row.fails for row in rows) else DONE


def _cells(event: str, row: "Row") -> tuple[str, ...]:
    from cli.previews import on_one_line

    return (event, row.route, row.to, row.scenario, row.channel, _segments(row), on_one_line(row.text))


def _segments(row: "Row") -> str:
    return str(row.segments) if row.segments else ""
