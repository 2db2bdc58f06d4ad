"""Says a log line in words, as `omni-relay tail`, `omni-relay story` and `make run` show it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Line = Mapping[str, Any]
Pieces = list[tuple[str, str]]  # texts, each with its style

_STYLES = {
    **dict.fromkeys(("sent", "delivered"), "green"),
    **dict.fromkeys(("queued", "retry", "muted"), "yellow"),
    **dict.fromkeys(("parked", "refused", "undelivered", "expired", "rejected", "unreported"), "red"),
    **dict.fromkeys(("ignored", "duplicate"), "dim"),
}
_OF_EACH_LINE = {
    *("level", "timestamp", "service", "message", "function_request_id", "xray_trace_id", "request_id"),
    *("cold_start", "function_name", "function_memory_size", "function_arn"),
    *("event_id", "message_id", "source", "route"),
}


def pieces_of(line: Line) -> Pieces:
    """Gives the line in words: what happened first, then to what."""
    return [piece for piece in _TELLERS.get(str(line["message"]), _other)(line) if piece[0]]


def in_words(line: Line) -> str:
    """Gives the line as plain text."""
    return " ".join(text for text, _ in pieces_of(line))


def _event(line: Line) -> Iterator[tuple[str, str]]:
    outcome = str(line["outcome"])
    yield outcome, _STYLES.get(outcome, "")
    yield str(line.get("source") or line.get("name_in_url") or "(no source)"), "bold"
    yield str(line.get("event_id", "")), ""
    yield _routes(line), ""
    yield f"{line['http_status']}" if outcome == "refused" and "http_status" in line else "", "red"
    yield str(line.get("reason", "")), ""
    yield "; ".join(line.get("errors", ())), ""
    yield f"{line['ms']:.0f} ms", "dim"


def _routes(line: Line) -> str:
    """Names the routes: those that matched, or that none did."""
    if "routes_matched" not in line:
        return ""
    told = [*line["routes_matched"], *(f"{route} (failed)" for route in line.get("routes_failed", ()))]
    return f"→ {', '.join(told)}" if told else "→ no route matched"


def _status(line: Line) -> Iterator[tuple[str, str]]:
    outcome = str(line["outcome"])
    yield outcome, _STYLES.get(outcome, "")
    yield _recipient(line), "bold"
    yield f"by {line.get('scenario', '')}", ""
    yield f"attempt {line['attempt']}" if line.get("attempt", 1) > 1 else "", "yellow"
    yield str((line.get("status") or {}).get("name", "")), ""
    yield str(line.get("cause") or ""), ""
    yield f"{line['latency_ms']:.0f} ms", "dim"


def _report(line: Line) -> Iterator[tuple[str, str]]:
    state = str(line.get("state") or (line.get("status") or {}).get("groupName", "")).lower()
    yield state, _STYLES.get(state, "")
    yield _recipient(line), "bold"
    yield f"by {line['channel']}" if line.get("channel") else "", ""
    yield str((line.get("status") or {}).get("name", "")), ""
    error = line.get("error") or {}
    yield str(error.get("name", "")), "red"
    seconds = line.get("seconds")
    yield f"after {seconds:g} s" if seconds is not None else "", "dim"


def _escalated(line: Line) -> Iterator[tuple[str, str]]:
    yield "escalated", "yellow"
    yield str(line.get("source", "")), "bold"
    yield str(line.get("event_id", "")), ""
    yield f"to {line.get('recipients')} by {line.get('scenario')}", ""
    yield f"because the message is {line.get('state')}", "dim"


def _recipient(line: Line) -> str:
    to = line.get("to")
    return " ".join(to.values()) if isinstance(to, Mapping) else str(to or "")


def _other(line: Line) -> Iterator[tuple[str, str]]:
    level = str(line.get("level", ""))
    yield str(line["message"]), {"WARNING": "yellow", "ERROR": "red"}.get(level, "")
    yield str(line.get("source", "")), "bold"
    yield str(line.get("event_id", "")), ""
    yield " ".join(f"{name}={value}" for name, value in line.items() if name not in _OF_EACH_LINE), ""


_TELLERS: Mapping[str, Callable[[Line], Iterator[tuple[str, str]]]] = {
    "event_received": _event,
    "message_status": _status,
    "message_report": _report,
    "escalated": _escalated,
}
