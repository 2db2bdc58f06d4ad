"""Relays the sample events when the local stack starts. Each gives one line with OMNI's statuses."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox import event_files
from sandbox.renewal import Sources
from sandbox.signing import CannotSign
from sandbox.stack.stack import Stack

DELIVERY = "DeliveryFunction"
_DELIVERED_WITHIN = 10.0  # seconds, for all queued samples together
_LOOK_AGAIN = 0.05
_LONGEST_ANSWER = 60


def relayed_samples(stack: Stack) -> Iterator[str]:
    """Posts the samples of the configured sources. The statuses of queued ones come from the delivery's log."""
    known = Sources(stack.settings.config, stack.settings.secrets)
    answers = {name: _posted(stack, name, known) for name in sample_names(known.config)}
    deadline = time.monotonic() + _DELIVERED_WITHIN
    for name, answer in answers.items():
        yield f"  {name:<28} {answer if isinstance(answer, str) else _line(stack, answer, deadline)}"


def sample_names(config: Mapping[str, Any]) -> list[str]:
    """The names of the samples whose source is configured."""
    configured = config.get("sources") or {}
    loaded = {name: event_files.load(name) for name in event_files.names()}
    return [
        name
        for name, event in loaded.items()
        if event_files.is_webhook(event) and event["pathParameters"]["source"] in configured
    ]


def _posted(stack: Stack, name: str, known: Sources) -> event_files.Answer | str:
    """The relay's answer, or the reason why there is none."""
    try:
        return event_files.post(event_files.fresh(name, known), int(stack.relay_url.rpartition(":")[2]))
    except (CannotSign, event_files.NotAnEvent, event_files.NoAnswer) as problem:
        return f"not sent: {problem}"


def _line(stack: Stack, answer: event_files.Answer, deadline: float) -> str:
    """The HTTP status, the outcome, and the OMNI status of each message."""
    try:
        content = json.loads(answer.body)
    except ValueError:
        content = None
    if not isinstance(content, Mapping):
        return f"{answer.status}  {answer.body[:_LONGEST_ANSWER].decode(errors='replace')}"
    statuses = [message["status"]["name"] for message in content.get("messages", ())]
    if content.get("outcome") == "queued":
        statuses = _delivered(stack, content["eventId"], content["dispatches"], deadline)
    words = (content.get("outcome") or content.get("detail") or content.get("title") or "", *statuses)
    return f"{answer.status}  {'  '.join(str(word) for word in words if word)}"


def _delivered(stack: Stack, event_id: str, dispatches: int, deadline: float) -> list[str]:
    """The OMNI statuses of the event's messages that were sent before the deadline."""
    sent: dict[str, list[str]] = {}
    while len(sent) < dispatches and time.monotonic() < deadline and not stack.stopping:
        sent = {}
        for record in stack.log_records(DELIVERY):
            if record.get("event_id") == event_id and record.get("outcome") == "sent":
                sent.setdefault(record["dispatch_id"], []).append(record["status"]["name"])
        time.sleep(_LOOK_AGAIN)
    return ["then sent", *(status for statuses in sent.values() for status in statuses)] if sent else []
