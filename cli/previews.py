"""Who would hear what of each event in a folder, and what of that a change of relay.yaml changes."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.events import Found
from cli.explaining import Explaining, NoSource, by_content
from cli.explanations import recipients
from cli.frame import Mistake
from configuration.files import Document, read_text, read_yaml
from configuration.sources import FileConfiguration
from relay.explain.explanation import Explanation, Failure, Message, Text

NOBODY = "nobody"
_WHY_NOBODY = {
    "ignored": "no route wants it",
    "handshake": "a handshake",
    "muted": "the source is muted",
}


@dataclass(frozen=True, slots=True)
class Row:
    """The words of one channel to one or more recipients, or the reason why nobody hears of an event.

    Attributes:
        fails: the event would be parked or refused.
        segments: of the text as an SMS; None where it isn't sent as one.
    """

    source: str
    route: str
    to: str
    scenario: str = ""
    channel: str = ""
    text: str = ""
    segments: int | None = None
    fails: bool = False


Preview = Mapping[str, Sequence[Row]]  # by the events' names


@dataclass(frozen=True, slots=True)
class Difference:
    """The changes for one event."""

    event: str
    gone: tuple[Row, ...]
    new: tuple[Row, ...]


def preview(events: Mapping[str, Sequence[Found]], content: Document) -> Preview:
    """Returns the rows of each event whose source is configured. Raises Mistake."""
    explaining = by_content(FileConfiguration(content, {}), verifies=False)
    rows = {name: _rows(found, explaining) for name, found in events.items()}
    return {name: found for name, found in rows.items() if found is not None}


def differences(before: Preview, after: Preview) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ()), after.get(name, ())
        gone = tuple(row for row in old if row not in new)
        added = tuple(row for row in new if row not in old)
        if gone or added:
            yield Difference(name, gone, added)


def other_version(config: Path, against: str) -> Document:
    """Reads another file, or `config` as it was in a revision of git. Raises Mistake, or Unreadable."""
    if Path(against).is_file():
        return read_yaml(Path(against))
    folder, name = config.absolute().parent, config.name
    shown = subprocess.run(
        ["git", "show", "--end-of-options", f"{against}:./{name}"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if shown.returncode:
        why = shown.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise Mistake(f"--against: {against} is no file, and git has no {name} of that revision: {why}")
    return read_text(shown.stdout, Path(f"{against}:{name}"))


def _rows(found: Sequence[Found], explaining: Explaining) -> list[Row] | None:
    try:
        return [row for each in found for one in explaining(each) for row in rows_of(one)]
    except NoSource:
        return None


def rows_of(one: Explanation) -> Iterator[Row]:
    """Yields a row for each text of each message; or one that says why nobody hears of the event."""
    if one.outcome == "refused":
        yield Row(one.source, "", NOBODY, text=f"refused: {'; '.join(one.errors) or one.problem}", fails=True)
        return
    rows = [] if one.source_muted else list(_of_routes(one))
    yield from rows or [Row(one.source, "", NOBODY, text=_WHY_NOBODY.get(one.outcome, ""))]


def _of_routes(one: Explanation) -> Iterator[Row]:
    for route in one.routes:
        if route.verdict == "muted":
            yield Row(one.source, route.route, NOBODY, text="muted")
        for failure in route.failures:
            yield Row(one.source, route.route, NOBODY, text=f"parked: {_why(failure)}", fails=True)
        for message in route.messages:
            yield from _of_message(one, route.route, message)


def _of_message(one: Explanation, route: str, message: Message) -> Iterator[Row]:
    yield from (_row(one, route, message, text) for text in message.texts)
    for after in message.then:
        yield from _of_message(one, route, after)


def _row(one: Explanation, route: str, message: Message, text: Text) -> Row:
    said = f"{text.subject} / {text.text}" if text.subject else text.text
    if message.within:
        said = f"unless delivered within {message.within} s: {said}"
    segments = text.sms.segments if text.sms else None
    return Row(one.source, route, recipients(message), message.scenario, text.channel, said, segments)


def _why(failure: Failure) -> str:
    parts = (f"item {failure.item}" if failure.item else "", failure.field, failure.problem)
    return ": ".join(part for part in parts if part)


def in_words(row: Row) -> str:
    """Returns the row as a line, such as `route all: +41793026727 by incident, every channel (1 SMS): hello`."""
    route = f"route {row.route}" if row.route else f"source {row.source}"
    by = f" by {row.scenario}, {row.channel}" if row.scenario else ""
    segments = f" ({row.segments} SMS)" if row.segments else ""
    return f"{route}: {row.to}{by}{segments}: {on_one_line(row.text)}"


def on_one_line(text: str) -> str:
    return text.replace("\n", " ⏎ ")
