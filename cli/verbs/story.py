"""`omni-relay story`: one event or message from its arrival to its end."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cli.frame import Mistake, prints, verb
from cli.output import Output
from cli.target import Target, targets
from cli.times import Ago

if TYPE_CHECKING:
    from cli.log_lines import Line


@verb(
    "story", "omni-relay story 72d3162e-cc78-11e3-81ab-4c9367dc0958", "omni-relay story evt_1NG8Du2eZvKYlo2C --since 3d"
)
@click.argument("identity")
@click.option("--since", type=Ago(), default="2d", show_default=True, help="Where to begin, such as 3d or 2026-11-20.")
@targets
@prints
def command(*, target: Target, out: Output, identity: str, since: datetime) -> None:
    """Tell what became of an event, on one time line: its routes, dispatches, attempts, answers, reports, escalation.

    IDENTITY is the id of an event, a message or a dispatch, or the request id of an HTTP answer.
    """
    from cli.log_lines import lines_of
    from cli.stories import story

    lines = story(lines_of(target), identity, since, datetime.now(UTC))
    if not lines:
        raise Mistake(f"no line since {since:%Y-%m-%d %H:%M} UTC bears the id {identity}; look further back by --since")
    out.data(lines)
    _show(out, lines)


def _show(out: Output, lines: "list[Line]") -> None:
    """Prints one line for each log line, with the time that had passed since the first."""
    from cli.log_lines import written_at
    from cli.telling import pieces_of

    first = written_at(lines[0])
    out.line(f"{first:%Y-%m-%d %H:%M:%S} UTC", "dim")
    for line in lines:
        passed = (written_at(line) - first).total_seconds()
        out.pieces((f"{passed:+10.1f} s", "dim"), (line["message"].ljust(15), "dim"), *pieces_of(line), joint=" ")
