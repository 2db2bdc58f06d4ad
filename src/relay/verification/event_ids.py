"""Finds the id that a sender gives an event: in a header, in the body, or from the alerts in it."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from relay import limits
from relay.verification.decoding import LOST
from relay.verification.inbound import InboundRequest
from relay.verification.places import values_at

EventId = Callable[[InboundRequest, Any], str | None]

_PLAIN = re.compile(rf"[!-~]{{1,{limits.SENDER_ID_CHARS}}}", re.ASCII)


def unnamed(_request: InboundRequest, _body: Any) -> str | None:
    """Returns None, because this sender gives its events no id."""
    return None


@dataclass(frozen=True, slots=True)
class FromHeader:
    """Reads the first of these headers that has a value."""

    names: tuple[str, ...]

    def __call__(self, request: InboundRequest, _body: Any) -> str | None:
        return next((bounded(value) for name in self.names if (value := request.headers.get(name))), None)


def from_header(*names: str) -> EventId:
    return FromHeader(names)


@dataclass(frozen=True, slots=True)
class FromBody:
    """Reads the texts or numbers at these paths of the body (see places.FIELD_PATH), and hashes several together.

    There is no id if a value at the first path is missing. A missing value at another path counts as empty.
    """

    paths: tuple[str, ...]

    def __call__(self, _request: InboundRequest, body: Any) -> str | None:
        first, *others = ([_text(value) for value in values_at(body, path)] for path in self.paths)
        if not first or None in first:
            return None
        parts = [text or "" for found in (first, *others) for text in found]
        return parts[0] if len(parts) == 1 else _digest(parts)


def from_body(*paths: str) -> EventId:
    return FromBody(paths)


def from_twilio(_request: InboundRequest, body: Any) -> str | None:
    """Joins the SID and the status, because a message or call reports all its statuses under one SID."""
    sid = _first(body, ("MessageSid", "SmsSid", "CallSid"))
    return bounded(f"{sid}:{_first(body, ('MessageStatus', 'SmsStatus', 'CallStatus')) or ''}") if sid else None


def from_alerts(_request: InboundRequest, body: Any) -> str | None:
    """Derives the id from the group's present state: a repetition has the same id, any change gives another.

    The start times are part of it, because an alert that fires again tomorrow has the same fingerprint.
    Each alert's status is part of it too, because one alert may resolve while the group goes on firing.
    """
    if not isinstance(body, dict) or not isinstance(body.get("groupKey"), str):
        return None
    alerts = body.get("alerts")
    rows = sorted(_alert(alert) for alert in alerts) if isinstance(alerts, list) else []
    return _digest([body["groupKey"], _text(body.get("status")) or "", *(field for row in rows for field in row)])


def bounded(value: str) -> str:
    """Returns the id itself if it is short and printable, else a digest of it."""
    return value if _PLAIN.fullmatch(value) else _digest([value])


def _alert(alert: Any) -> tuple[str, ...]:
    fields = alert if isinstance(alert, dict) else {}
    return tuple(_text(fields.get(name)) or "" for name in ("fingerprint", "startsAt", "status"))


def _first(body: Any, names: Iterable[str]) -> str | None:
    """Returns the first of these fields that has a value."""
    if not isinstance(body, dict):
        return None
    return next((text for name in names if (text := _text(body.get(name)))), None)


def _text(value: Any) -> str | None:
    """Returns None for an empty text or one with a lost part, because different events may share them."""
    if isinstance(value, str):
        return bounded(value) if value and LOST not in value else None
    return bounded(str(value)) if isinstance(value, int) and not isinstance(value, bool) else None


def _digest(parts: Iterable[str]) -> str:
    """Hashes each part with its length, so that no two lists of parts give the same bytes."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (len(data), data))
    return f"sha256-{digest.hexdigest()}"
