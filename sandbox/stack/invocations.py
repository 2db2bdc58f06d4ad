"""One invocation of a function: its payload and its outcome, in Lambda's own words."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

MAX_PAYLOAD_BYTES = 6 * 2**20  # of a synchronous invocation, in each direction


@dataclass(frozen=True, slots=True)
class FunctionOutcome:
    """`error` is the X-Amz-Function-Error header. If the function failed, it is set, and `payload` tells why."""

    payload: bytes
    error: str | None = None

    def json(self) -> Any:
        return json.loads(self.payload)


class ConcurrencyExceeded(Exception):
    """The function's reserved concurrency is used up."""


class InvocationTooLarge(Exception):
    """The payload is larger than Lambda accepts."""


def failure(kind: str, message: str) -> FunctionOutcome:
    return FunctionOutcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), error="Unhandled")


def new_trace_id(*, sampled: bool) -> str:
    """An X-Ray trace header."""
    identifier = uuid4().hex
    return f"Root=1-{int(time.time()):08x}-{identifier[:24]};Parent={identifier[16:]};Sampled={sampled:d}"


@dataclass(slots=True, eq=False)
class Invocation:
    """`deadline` is in Unix seconds. It is set when a process takes the invocation."""

    payload: bytes
    trace_id: str
    outcome: asyncio.Future[FunctionOutcome]
    id: str = field(default_factory=lambda: str(uuid4()))
    deadline: float = 0

    def settle(self, outcome: FunctionOutcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)
