"""How an event names itself: by a header, by a place in the body, or by what its alerts are."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from relay import limits
from relay.verification.decoding import LOST
from relay.verification.inbound import InboundRequest

EventId = Callable[[InboundRequest, Any], str | None]

_PLAIN = re.compile(rf"[!-~]{{1,{limits.SENDER_ID_CHARS}}}", re.ASCII)


def unnamed(_request: InboundRequest, _body: Any) -> str | None:
    """This sender names no event."""
    return None


@dataclass(frozen=True, slots=True)
class FromHeader:
    """Reads the first of these headers that has a value."""

    names: tuple[str, ...]

    def __call__(self, request: InboundRequest, _body: Any) -> str | None:
        return next((bounded(value) for name in self.names if (value := request.headers.get(name))), None)


def from_header(*names: str) -> EventId:
    return FromHeader(names)


def from_body(*path: str) -> EventId:
    """The text or number at this path of the body."""

    def find(_request: InboundRequest, body: Any) -> str | None:
        for key in path:
            body = body.get(key) if isinstance(body, dict) else None
        return _text(body)

    return find


def from_twilio(_request: InboundRequest, body: Any) -> str | None:
    """A message or call reports each of its statuses under the same SID."""
    sid = _first(body, ("MessageSid", "SmsSid", "CallSid"))
    return bounded(f"{sid}:{_first(body, ('MessageStatus', 'SmsStatus', 'CallStatus')) or ''}") if sid else None


def from_alerts(_request: InboundRequest, body: Any) -> str | None:
    """What a group of alerts is at this moment: a repetition has the same id, any change in the group another.

    The start times are part of it: an alert that fires again tomorrow has the same fingerprint.
    So is each alert's own status: one of the group may resolve while the group goes on firing.
    """
    if not isinstance(body, dict) or not isinstance(body.get("groupKey"), str):
        return None
    alerts = body.get("alerts")
    rows = sorted(_alert(alert) for alert in alerts) if isinstance(alerts, list) else []
    return _digest([body["groupKey"], _text(body.get("status")) or "", *(field for row in rows for field in row)])


def bounded(value: str) -> str:
    """The id itself where it is short and printable, else a digest of it."""
    return value if _PLAIN.fullmatch(value) else _digest([value])


def _alert(alert: Any) -> tuple[str, ...]:
    fields = alert if isinstance(alert, dict) else {}
    return tuple(_text(fields.get(name)) or "" for name in ("fingerprint", "startsAt", "status"))


def _first(body: Any, names: Iterable[str]) -> str | None:
    """The first of these fields that has a value."""
    if not isinstance(body, dict):
        return None
    return next((text for name in names if (text := _text(body.get(name)))), None)


def _text(value: Any) -> str | None:
    """None for what tells nothing apart: an empty text, or one of which a part is lost."""
    if isinstance(value, str):
        return bounded(value) if value and LOST not in value else None
    return bounded(str(value)) if isinstance(value, int) and not isinstance(value, bool) else None


def _digest(parts: Iterable[str]) -> str:
    """Each part goes in with its length, so that no two lists of parts look alike."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (len(data), data))
    return f"sha256-{digest.hexdigest()}"
