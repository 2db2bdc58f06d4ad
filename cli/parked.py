"""Says in words and as data what is parked, without bodies and with masked recipients."""

from dataclasses import asdict
from typing import Any

from cli.cures import CURES
from cli.explanations import counted
from cli.letters import Addressee, Entry
from relay.redaction import Redactor

_REDACTOR = Redactor(())  # `detail` may quote an address
_SHOWN = {"source", "reason", "attempts", "first_attempt_at", "last_attempt_at"}


def summary(entry: Entry) -> dict[str, Any]:
    """Gives what other programs may know of the item."""
    facts = entry.parked.model_dump(mode="json", include=_SHOWN)
    return {**asdict(entry.facts), **facts, "detail": detail(entry), "cure": CURES[entry.parked.reason]}


def in_words(entry: Entry) -> str:
    """Names the item by the words that find its log lines, and what it holds."""
    facts, source = entry.facts, entry.parked.source or "(unknown source)"
    events = f" {', '.join(facts.events)}" if facts.events else ""
    route = f", route {facts.route}" if facts.route else ""
    return f"{source}{events}{route}: {_content(entry)}"


def attempts(entry: Entry) -> str:
    """Returns how often it was tried, and from when to when."""
    first, last = (f"{at:%Y-%m-%d %H:%M}" for at in (entry.parked.first_attempt_at, entry.parked.last_attempt_at))
    return f"{counted(entry.parked.attempts, 'attempt')}, {last if first == last else f'{first} to {last}'} UTC"


def detail(entry: Entry) -> str:
    return _REDACTOR.clean(entry.parked.detail)


def addressee(one: Addressee) -> str:
    """Returns a message's id and to whom it goes, such as `message 87716419-… to 4179*****27`."""
    to = " and ".join(one.to.values())
    return f"message {one.message_id}" + (f" to {to}" if to else "")


def _content(entry: Entry) -> str:
    facts = entry.facts
    messages = counted(len(facts.messages), "message")
    match facts.kind:
        case "dispatch":
            return messages
        case "event":
            return counted(len(facts.events), "event")
        case "watch":
            return f"a watch over {messages}, which starts the next step if one is not delivered"
        case "records":
            return f"records of {messages}, to be written to the table"
        case _:
            return f"a queue message that can't be read, {counted(len(str(entry.parked.raw or '')), 'character')} long"
