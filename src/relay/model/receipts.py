"""A receipt: what became of a dispatch's messages, and the JSON form that the ledger keeps of it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from omni.models import MessageResult, OmniResponse, Status
from omni.statuses import GROUPS, Policy, classify, group_of
from relay.model.dispatches import Dispatch, Message
from relay.model.items import Reason


class Fate(StrEnum):
    """What happens to a message next; the words of the log line's `outcome`."""

    SENT = "sent"
    RETRY = "retry"
    PARKED = "parked"


_FATES: Mapping[Policy, Fate] = {
    Policy.ACCEPTED: Fate.SENT,
    Policy.RETRY: Fate.RETRY,
    Policy.RETRY_ACCOUNT: Fate.RETRY,
    Policy.PARK: Fate.PARKED,
}


class MessageReceipt(BaseModel):
    model_config = ConfigDict(frozen=True)

    message: Message
    status: Status
    policy: Policy

    @property
    def fate(self) -> Fate:
        return _FATES[self.policy]

    @property
    def parked_for(self) -> Reason | None:
        """A status of no group that we know leaves open whether the message was accepted."""
        if self.policy is not Policy.PARK:
            return None
        return Reason.MESSAGES_REJECTED if group_of(self.status) in GROUPS else Reason.STATUS_UNKNOWN


class Receipt(BaseModel):
    """Of one attempt. `bulk_id` is absent where OMNI gave none, as it does for one destination."""

    model_config = ConfigDict(frozen=True)

    bulk_id: str | None = None
    messages: tuple[MessageReceipt, ...]

    def with_policy(self, *policies: Policy) -> tuple[Message, ...]:
        return tuple(m.message for m in self.messages if m.policy in policies)

    def parked(self) -> dict[Reason, tuple[Message, ...]]:
        """What a person has to look at, by the reason: a replay treats them differently."""
        reasons = dict.fromkeys(reason for m in self.messages if (reason := m.parked_for))
        return {reason: tuple(m.message for m in self.messages if m.parked_for is reason) for reason in reasons}

    def answer(self) -> list[dict[str, Any]]:
        """As the HTTP answer shows it."""
        bulk = {"bulkId": self.bulk_id} if self.bulk_id else {}
        return [{"messageId": m.message.message_id, **bulk, "status": m.status.wire()} for m in self.messages]


class AnswerMismatch(ValueError):
    """OMNI's answer doesn't speak of the messages that were sent: it can't be trusted to have taken them."""


def receipt_of(dispatch: Dispatch, response: OmniResponse) -> Receipt:
    """Pairs each message with its status, by message id.

    Raises:
        AnswerMismatch: a message of the dispatch has no status in the answer.
    """
    results = {result.message_id: result for result in response.messages}
    missing = [m.message_id for m in dispatch.messages if m.message_id not in results]
    if missing:
        raise AnswerMismatch(f"{len(missing)} of {len(dispatch.messages)} messages have no status in OMNI's answer")
    return Receipt(bulk_id=response.bulk_id, messages=tuple(_paired(dispatch.messages, results)))


def _paired(messages: Iterable[Message], results: Mapping[str | None, MessageResult]) -> Iterable[MessageReceipt]:
    for message in messages:
        status = results[message.message_id].status
        yield MessageReceipt(message=message, status=status, policy=classify(status))
