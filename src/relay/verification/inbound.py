"""An HTTP request as the relay receives it, before anything in it is trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class InboundRequest:
    """The request. Header names are lower-case, a comma joins repeated headers, and `body` is the bytes as signed."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
