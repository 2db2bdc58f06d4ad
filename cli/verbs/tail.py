"""`omni-relay tail`: what happens, as it happens."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from cli.frame import prints, verb
from cli.output import Output
from cli.target import Target, targets


@verb(
    "tail",
    "omni-relay tail --local",
    "omni-relay tail --source github --level warning",
    "omni-relay tail --json | jq .event_id",
)
@click.option("--source", help="Only lines of this source.")
@click.option("--route", help="Only lines of this route.")
@click.option("--message", "kind", help="Only lines of this kind, such as message_report.")
@click.option(
    "--level",
    type=click.Choice(["info", "warning", "error"]),
    default="info",
    show_default=True,
    help="At least so bad.",
)
@click.option("--once", is_flag=True, help="Print the last 20 seconds, and end.")
@targets
@prints
def command(
    *, target: Target, out: Output, source: str | None, route: str | None, kind: str | None, level: str, once: bool
) -> None:
    """Show log lines as they come, in words; until Ctrl-C.

    With --json each line is one JSON value on a line of its own, as it was logged.
    """
    from cli.log_lines import follow, lines_of, written_at
    from cli.telling import pieces_of

    wanted = {"source": source, "route": route, "message": kind}
    since = datetime.now(UTC) - timedelta(seconds=20 if once else 0)
    for line in follow(lines_of(target), since, passes=1 if once else None):
        if not _fits(line, wanted, level):
            continue
        if out.as_json:
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            out.pieces((f"{written_at(line).astimezone():%H:%M:%S}", "dim"), *pieces_of(line), joint=" ")


_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _fits(line: Mapping[str, Any], wanted: Mapping[str, str | None], level: str) -> bool:
    bad = _LEVELS.index(line["level"]) >= _LEVELS.index(level.upper()) if line.get("level") in _LEVELS else True
    routes = {line.get("route"), *line.get("routes_matched", ()), *line.get("routes_failed", ())}
    for name, value in wanted.items():
        if value is not None and value != line.get(name) and not (name == "route" and value in routes):
            return False
    return bad
