"""A receipt: what became of a dispatch. The ledger keeps it, and a copy that arrives later is answered from it."""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from omni.models import OmniResponse, Status
from omni.statuses import Policy, classify
from relay.model.dispatches import Dispatch


class Receipt(BaseModel):
    """The result of one attempt.

    Attributes:
        bulk_id: OMNI's, absent where OMNI gave none, as it does for one destination.
        statuses: OMNI's status of each message, by message id. It is empty where OMNI refused the whole request.
        parked: the reason and the detail, where messages were parked.
        requeued: how many dispatches went back to the queue with the messages that must be tried again.
    """

    model_config = ConfigDict(frozen=True)

    bulk_id: str | None = None
    statuses: dict[str, Status] = {}
    parked: str | None = None
    requeued: int = 0

    @model_validator(mode="before")
    @classmethod
    def _read_form_of_0_1_0(cls, value: Any) -> Any:
        """Version 0.1.0 kept the messages in a list under `receipt`. Copies are answered from its records, too."""
        if not isinstance(value, dict) or "receipt" not in value:
            return value
        former = value["receipt"] or {}  # None where the whole request was parked
        statuses = {item["message"]["message_id"]: item["status"] for item in former.get("messages", ())}
        return value | {"bulk_id": former.get("bulk_id"), "statuses": statuses}

    def ids(self, *policies: Policy) -> Collection[str]:
        """Returns the ids of the messages whose statuses ask for one of these policies."""
        return [message_id for message_id, status in self.statuses.items() if classify(status) in policies]

    def answer(self) -> list[dict[str, Any]]:
        """Returns the messages as the HTTP answer shows them."""
        bulk = {"bulkId": self.bulk_id} if self.bulk_id else {}
        return [{"messageId": message_id, **bulk, "status": s.wire()} for message_id, s in self.statuses.items()]


class AnswerMismatch(ValueError):
    """OMNI's answer lacks a message that was sent, so it doesn't show that OMNI took it."""


def receipt_of(dispatch: Dispatch, response: OmniResponse) -> Receipt:
    """Pairs each message of the dispatch with its status, by message id.

    Raises:
        AnswerMismatch: a message of the dispatch has no status in the answer.
    """
    given = {result.message_id: result.status for result in response.messages}
    missing = [message for message in dispatch.messages if message.message_id not in given]
    if missing:
        raise AnswerMismatch(f"{len(missing)} of {len(dispatch.messages)} messages have no status in OMNI's answer")
    statuses = {message.message_id: given[message.message_id] for message in dispatch.messages}
    return Receipt(bulk_id=response.bulk_id, statuses=statuses)
