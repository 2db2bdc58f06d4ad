"""An event: one verified inbound webhook, or one firing of a schedule."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """`headers` hold no credential or signature: an event may be parked, and read by a person.

    `nonce` is set by a replay, so that what parked it once can park it again. The queues leave out what is None: a body
    may be just that (JSON's null).
    """

    model_config = ConfigDict(frozen=True)

    source: str
    id: str
    headers: dict[str, str]
    body: Any = None
    received_at: datetime
    nonce: str = ""

    def variables(self) -> dict[str, Any]:
        """What routes' expressions and templates see."""
        return {"headers": self.headers, "body": self.body, "source": self.source, "id": self.id}
