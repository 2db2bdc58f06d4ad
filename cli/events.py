"""Finds the events that a verb explains: files of events/, anybody's JSON, and what is parked."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cli.frame import Mistake
from cli.replaying import DeadLetters
from handlers.http import inbound_request
from relay.model.events import Event
from relay.model.items import QueueItem
from relay.problems import InvalidBody, MalformedRequest
from relay.receive.schedules import events_of, firing_of
from relay.verification.inbound import InboundRequest

FOLDER = Path("events")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request for the source of that name. `signed` is False for a body that somebody has written."""

    source: str
    request: InboundRequest
    signed: bool = True


Found = Webhook | Event | QueueItem


def all_in(folder: Path) -> Iterator[tuple[str, Sequence[Found]]]:
    """Yields each file's name, without `webhook-` and `.json`, and what it holds. Raises Mistake."""
    for path in sorted(folder.glob("*.json")):
        yield path.stem.removeprefix("webhook-"), read(path)


def file_of(name: str) -> Path | None:
    """Returns the file itself, or that of events/ with this name; None if there is none. `-` is standard input."""
    candidates = (Path(name), FOLDER / name, FOLDER / f"{name}.json", FOLDER / f"webhook-{name}.json")
    return Path("-") if name == "-" else next((path for path in candidates if path.is_file()), None)


def read(path: Path) -> Sequence[Found]:
    """Reads an event as a function gets it: API Gateway's, a schedule's, or the queue's. Raises Mistake."""
    try:
        content = json.loads(_bytes_of(path))
        if "rawPath" in content:
            return [Webhook(_source_of(content), inbound_request(content))]
        if "Records" in content:
            return [QueueItem.model_validate_json(record["body"]) for record in content["Records"]]
        if {"source", "id", "headers", "received_at"} <= set(content):
            return [Event.model_validate(content)]
        return events_of(firing_of(content, str(uuid4())), datetime.now(UTC))
    except InvalidBody as problem:
        wrong = "; ".join(f"{error.field}: {error.problem}" for error in problem.errors)
        raise Mistake(f"{path} is no event of a schedule: {wrong}. For a webhook's body, name its --source.") from None
    except (ValueError, LookupError, TypeError, AttributeError, MalformedRequest):
        raise Mistake(f"{path} is no event as in events/; for a webhook's body, name its --source") from None


def body(path: Path, source: str, headers: Sequence[str]) -> Webhook:
    """Makes a webhook of a file that holds a body only. Headers are written `name: value`. Raises Mistake."""
    given = {"content-type": "application/json"}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon:
            raise Mistake(f"--header: expected a name and a value, such as 'X-GitHub-Event: release', not {header}")
        given[name.strip().lower()] = value.strip()
    request = InboundRequest("POST", f"/webhooks/{source}", "", given, _bytes_of(path), datetime.now(UTC))
    return Webhook(source, request, signed=False)


def is_gateway_event(path: Path) -> bool:
    """Says whether the file holds a whole request, not only a body. Standard input is taken for a body."""
    try:
        content = None if path == Path("-") else json.loads(_bytes_of(path))
    except ValueError:
        return False
    return isinstance(content, dict) and "rawPath" in content


def parked(letters: DeadLetters, identity: str) -> QueueItem | None:
    """Returns what is parked with this id: of its event, dispatch, one of its messages, or the queue's own."""
    seen = []
    try:
        for entry in letters.entries():
            seen.append(entry)
            for item in entry.held:
                if identity in {entry.message_id, *_ids(item)}:
                    return item
    finally:
        for entry in seen:
            letters.release(entry)
    return None


def _ids(item: QueueItem) -> Iterator[str]:
    if item.event:
        yield item.event.id
    if item.dispatch:
        yield from (item.dispatch.id, item.dispatch.event_id)
        yield from (message.message_id for message in item.dispatch.messages)


def _bytes_of(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == Path("-") else path.read_bytes()
    except OSError as problem:
        raise Mistake(f"{path}: {problem.strerror}") from None


def _source_of(content: Any) -> str:
    named = (content.get("pathParameters") or {}).get("source")
    return str(named or content["rawPath"].rpartition("/")[2])
