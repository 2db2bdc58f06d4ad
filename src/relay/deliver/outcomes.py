"""The fate of a webhook or a firing: its HTTP answer is made of it, and its log line `event_received`.

`docs/event-received.schema.json` is the schema of the line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from relay import limits
from relay.deliver.routing import Verdict, dispatches_in
from relay.problems import InvalidBody, Problem


@dataclass(slots=True)
class Outcome:
    """The fate of an event. It is filled in on the way, so that it also tells how far a refused request came.

    Attributes:
        event_id: empty until the event has its id.
        source: the configured source's name; empty until it is found.
        verification: the name of the source's scheme; empty as well.
        proved_by: which of several secrets proved the request, from 1 on; None if there is only one.
        muted: the source is muted, so its routes weren't asked.
        accepted: the HTTP status of a queued or parked event.
        handshake: the request set the webhook up instead of reporting an event.
        verdicts: what each route says.
        messages: each message that OMNI answered for, as the HTTP answer shows it.
        queued: how many dispatches went to the queue.
        parked: a reason with its detail for each part that was parked.
        done_now: how many parts this copy of the event made durable.
        done_before: how many parts a former copy had made durable.
    """

    event_id: str = ""
    source: str = ""
    verification: str = ""
    proved_by: int | None = None
    muted: bool = False
    accepted: int = 202
    handshake: bool = False
    verdicts: Sequence[Verdict] = ()
    messages: list[dict[str, Any]] = field(default_factory=list)
    queued: int = 0
    parked: list[str] = field(default_factory=list)
    done_now: int = 0
    done_before: int = 0

    @property
    def duplicate(self) -> bool:
        return self.done_before > 0 and self.done_now == 0

    @property
    def name(self) -> Literal["sent", "queued", "parked", "muted", "ignored"]:
        """The most serious of what happened to the event's parts, as the HTTP answer names it."""
        if self.parked:
            return "parked"
        if self.queued:
            return "queued"
        if self.messages:
            return "sent"
        return "muted" if self.silenced else "ignored"

    @property
    def silenced(self) -> bool:
        """Whether a mute kept something from being sent."""
        return self.muted or any(verdict.muted for verdict in self.verdicts)

    def count(self, *, duplicate: bool, parts: int = 1) -> None:
        if duplicate:
            self.done_before += parts
        else:
            self.done_now += parts


def event_line(outcome: Outcome, ms: float, refusal: Problem | None = None) -> dict[str, Any]:
    """Returns the fields of the line `event_received`; those that are None are left out of it.

    Args:
        outcome: the event's, as far as it came.
        ms: how long it took, in milliseconds.
        refusal: why the event wasn't taken.
    """
    return {
        "event_id": outcome.event_id or None,
        "source": outcome.source or None,
        "outcome": "refused" if refusal else "duplicate" if outcome.duplicate else outcome.name,
        "reason": refusal.detail if refusal else _reason(outcome),
        "errors": _errors(refusal) if isinstance(refusal, InvalidBody) else None,
        "verification": outcome.verification or None,
        "proved_by": outcome.proved_by,
        **_routes(outcome.verdicts),
        "ms": round(ms, 1),
    }


def _reason(outcome: Outcome) -> str | None:
    """Says why an event was parked or ignored. There may be hundreds of parked parts."""
    if outcome.handshake:
        return "handshake"
    return "; ".join(list(dict.fromkeys(outcome.parked))[: limits.ITEMS_TOLD]) or None


def _errors(refusal: Problem) -> list[str]:
    return [f"{error.field}: {error.problem}" for error in refusal.errors]


def _routes(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Returns the routes by their verdicts, and the dispatches that they made; nothing if no route was asked."""
    if not verdicts:
        return {}
    named: dict[str, list[str]] = {"matched": [], "unmatched": [], "failed": [], "muted": []}
    for verdict in verdicts:
        named[verdict.name].append(verdict.route)
    ids = [dispatch.id for dispatch in dispatches_in(verdicts)]
    return {
        **{f"routes_{name}": routes for name, routes in named.items()},
        "dispatches": len(ids),
        "dispatch_ids": ids[: limits.DISPATCHES_TOLD],
    }
