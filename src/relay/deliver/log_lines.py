"""The log line of a message, `message_status`; `docs/message-status.schema.json` is its schema."""

from collections.abc import Iterator, Mapping
from typing import Any

from omni.statuses import Policy, classify
from relay.deliver.retries import Attempt
from relay.model.dispatches import Dispatch
from relay.model.receipts import Receipt
from relay.model.records import shown_status
from relay.redaction import masked_addresses

OUTCOMES: Mapping[Policy, str] = {
    Policy.ACCEPTED: "sent",
    Policy.RETRY: "retry",
    Policy.RETRY_ACCOUNT: "retry",
    Policy.PARK: "parked",
}


def message_lines(
    attempt: Attempt,
    *,
    latency_ms: float,
    receipt: Receipt | None = None,
    given_up: str | None = None,
    policy: Policy | None = None,
    cause: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Yields the fields of one line per message.

    Args:
        attempt: the dispatch, and the number of this attempt.
        latency_ms: how long the attempt took, in milliseconds.
        receipt: OMNI's statuses; each decides its message's outcome.
        given_up: why messages are parked that the receipt would try again.
        policy: what happens to all messages where OMNI gave no receipt, and `cause` says why.
        cause: see `policy`.
    """
    for message in attempt.dispatch.messages:
        status = receipt.statuses[message.message_id] if receipt else None
        outcome, why = (OUTCOMES[classify(status)], None) if status else (policy and OUTCOMES[policy], cause)
        if given_up and outcome == "retry":
            outcome, why = "parked", given_up
        yield _names(attempt.dispatch) | {
            "message_id": message.message_id,
            "to": masked_addresses(message.phone, message.email),
            "attempt": attempt.number,
            "outcome": outcome,
            "cause": why,
            "status": shown_status(status) if status else None,
            "latency_ms": round(latency_ms, 1),
        }


def _names(dispatch: Dispatch) -> dict[str, Any]:
    """Returns the fields that all messages of a dispatch share; its id is OMNI's bulk id, too."""
    return {
        "event_id": dispatch.event_id,
        "source": dispatch.source,
        "route": dispatch.route,
        "scenario": dispatch.content.scenario,
        "dispatch_id": dispatch.id,
        "bulk_id": dispatch.id,
    }
