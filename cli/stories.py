"""Collects the log lines of one event or message: those that bear its id, and those of everything that they name."""

from collections.abc import Iterable
from datetime import datetime

from cli.log_lines import Line, LogLines, written_at


def story(lines: LogLines, identity: str, since: datetime, until: datetime) -> list[Line]:
    """Gives the lines in the order of their time, each once.

    The lines of an id name an event, and the lines of that event are the story. A line without an event, such as the
    one of a refused request, is a story by itself.
    """
    found = list(lines.between(since, until, identity))
    for event_id in dict.fromkeys(_named(found, identity)):
        found += lines.between(since, until, event_id)
    once = {(written_at(line), repr(sorted(line.items(), key=lambda item: item[0]))): line for line in found}
    return sorted(once.values(), key=written_at)


def _named(lines: Iterable[Line], identity: str) -> Iterable[str]:
    """Gives the ids of the events in these lines, but for the one that was asked for already."""
    return (line["event_id"] for line in lines if line.get("event_id") not in (None, identity))
