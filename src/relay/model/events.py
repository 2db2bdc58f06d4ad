"""An event: one verified inbound webhook, or one firing of a schedule."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from relay.model.ids import derive_id


class Event(BaseModel):
    """A webhook or a firing, as routes see it. The queues leave out null, so `body` may be missing there.

    Attributes:
        source: the name of the source.
        id: the sender's own name for the event.
        headers: without any credential or signature, because an event may be parked and read by a person.
        body: as decoded.
        received_at: when it came (aware).
        nonce: set by a replay, so that what parked the event once can park it again.
        body_hash: set where the id stands in a header. Then the id counts only together with the body, because a header
            that isn't unique, such as a timestamp, would pass another event off as a duplicate.
        first_id: the id under which the same body came first, where the id isn't signed (see `Relayer`).
        muted: the routes that were muted when it came. They stay so for this event, however late it is routed again.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    id: str
    headers: dict[str, str]
    body: Any = None
    received_at: datetime
    nonce: str = ""
    body_hash: str = ""
    first_id: str = ""
    muted: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Tells this event from the others of its source. The ids of its dispatches and messages derive from it."""
        return derive_id(self.first_id or self.id, self.body_hash) if self.body_hash else self.id

    def variables(self) -> dict[str, Any]:
        """Returns what routes' expressions and templates see."""
        return {"headers": self.headers, "body": self.body, "source": self.source, "id": self.id}
