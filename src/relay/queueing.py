"""What the delivery queue carries: a dispatch to send, or an event that a replay sends through today's routes."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from relay.dispatches import Dispatch
from relay.events import Event


class QueueItem(BaseModel):
    """`attempts` and the message's receipts together number the attempt; `first_attempt_at` (aware) is when the first
    of all began. `not_before` holds where the queue itself can't delay for so long. `after` is the id of the event's
    last dispatch that is already durable: work resumes behind it.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    dispatch: Dispatch | None = None
    event: Event | None = None
    attempts: int = Field(default=0, ge=0)
    first_attempt_at: datetime
    not_before: datetime | None = None
    after: str | None = None

    @model_validator(mode="after")
    def _holds_one(self) -> "QueueItem":
        if (self.dispatch is None) == (self.event is None):
            raise ValueError("expected a dispatch or an event")
        return self
