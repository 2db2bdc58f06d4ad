"""Reads the functions' structured log lines: from the local stack's files, or from CloudWatch Logs."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from cli.target import Target

Line = Mapping[str, Any]
IDS = ("event_id", "message_id", "dispatch_id", "request_id")
POLL_SECONDS = 2  # Live Tail is billed by the minute, while polling needs no right beyond reading and costs nothing
_LATE = timedelta(seconds=20)  # CloudWatch may show a line that much after it was written


class LogLines(Protocol):
    """The lines of all functions."""

    def between(self, since: datetime, until: datetime, identity: str = "") -> Iterator[Line]:
        """Gives the lines of that time, in no order; with `identity` only those that bear it in one of IDS."""
        ...


def lines_of(target: Target) -> LogLines:
    """Gives the lines of a running local stack, or of a stack in AWS."""
    if target.run is not None:
        return LocalLines(Path(target.run["logs"]))
    return CloudWatchLines(target.client("logs"), f"/aws/lambda/{target.stack}/")


def written_at(line: Line) -> datetime:
    return datetime.fromisoformat(str(line["timestamp"])).astimezone(UTC)


def follow(
    lines: LogLines, since: datetime, *, pause: Callable[[float], None] = time.sleep, passes: int | None = None
) -> Iterator[Line]:
    """Gives each line once, in the order in which they can be read, without end unless `passes` are counted."""
    seen: dict[str, datetime] = {}
    while True:
        now = datetime.now(UTC)
        fresh = {}
        for line in lines.between(max(since, now - _LATE), now + _LATE):
            key = json.dumps(line, sort_keys=True)
            if key not in seen:
                seen[key] = written_at(line)
                fresh[key] = line
        yield from sorted(fresh.values(), key=written_at)
        seen = {key: at for key, at in seen.items() if at > now - 2 * _LATE}
        passes = None if passes is None else passes - 1
        if passes == 0:
            return
        pause(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class LocalLines:
    """The files that the local stack writes, one per function."""

    folder: Path

    def between(self, since: datetime, until: datetime, identity: str = "") -> Iterator[Line]:
        for file in sorted(self.folder.glob("*.jsonl")):
            with file.open(encoding="utf-8", errors="replace") as texts:
                yield from _read(texts, since, until, identity)


@dataclass(frozen=True, slots=True)
class CloudWatchLines:
    """The functions' log groups, whose names begin with `prefix`."""

    client: Any
    prefix: str
    _groups: list[str] = field(default_factory=list)

    def between(self, since: datetime, until: datetime, identity: str = "") -> Iterator[Line]:
        pattern = {"filterPattern": _pattern(identity)} if identity else {}
        pages = self.client.get_paginator("filter_log_events")
        for group in self._names():
            times = {"startTime": _milliseconds(since), "endTime": _milliseconds(until)}
            for page in pages.paginate(logGroupName=group, **times, **pattern):
                yield from _read((event["message"] for event in page["events"]), since, until, identity)

    def _names(self) -> list[str]:
        if not self._groups:
            for page in self.client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self.prefix):
                self._groups.extend(group["logGroupName"] for group in page["logGroups"])
        return self._groups


def _read(texts: Iterable[str], since: datetime, until: datetime, identity: str) -> Iterator[Line]:
    for text in texts:
        if identity and json.dumps(identity)[1:-1] not in text and identity not in text:
            continue
        try:
            line = json.loads(text)
            inside = since <= written_at(line) < until
        except (ValueError, LookupError, TypeError):  # a metric, or a line of Lambda's own
            continue
        if inside and (not identity or identity in (line.get(name) for name in IDS)):
            yield line


def _pattern(identity: str) -> str:
    """Writes CloudWatch's filter for lines that bear the identity."""
    quoted = json.dumps(identity, ensure_ascii=False)
    return "{ " + " || ".join(f"($.{name} = {quoted})" for name in IDS) + " }"


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
