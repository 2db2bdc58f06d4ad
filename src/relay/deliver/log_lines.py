"""The log line of a message, `message_status`; `docs/message-status.schema.json` is its schema."""

from collections.abc import Iterator
from typing import Any

from relay.model.dispatches import Dispatch, Message
from relay.model.receipts import Fate, Receipt
from relay.redaction import mask_email, mask_phone


def status_record(
    dispatch: Dispatch,
    *,
    attempt: int,
    latency_ms: float,
    receipt: Receipt | None = None,
    given_up: str | None = None,
    fate: Fate | None = None,
    cause: str | None = None,
) -> Iterator[dict[str, Any]]:
    """One record per message: with OMNI's statuses from the receipt, or one fate and its cause for all. `given_up` is
    why those of the receipt that would be tried again are parked instead.
    """
    results = {m.message.message_id: m for m in receipt.messages} if receipt else {}
    for message in dispatch.messages:
        result = results.get(message.message_id)
        outcome, why = (result.fate, None) if result else (fate, cause)
        if given_up and outcome is Fate.RETRY:
            outcome, why = Fate.PARKED, given_up
        yield {
            "event_id": dispatch.event_id,
            "source": dispatch.source,
            "route": dispatch.route,
            "scenario": dispatch.content.scenario,
            "dispatch_id": dispatch.id,
            "bulk_id": dispatch.id,
            "message_id": message.message_id,
            "to": _masked(message),
            "attempt": attempt,
            "outcome": outcome,
            "cause": why,
            "status": _status(result.status.wire()) if result else None,
            "latency_ms": round(latency_ms, 1),
        }


def _status(wire: dict[str, Any]) -> dict[str, Any]:
    """Four fields of it; the description and the action are OMNI's prose."""
    return {key: wire.get(key) for key in ("groupId", "groupName", "id", "name")}


def _masked(message: Message) -> dict[str, str]:
    masked = {
        "phone": message.phone and mask_phone(message.phone),
        "email": message.email and mask_email(message.email),
    }
    return {key: value for key, value in masked.items() if value}
