"""Faults on demand: the orders for them, and the one that the next send meets."""

import hashlib
from collections import deque
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

FaultKind = Literal["status", "timeout", "reset", "garbage", "delay", "drip"]
FAULT_KINDS: Final = (*get_args(FaultKind), "random")
_LONGEST_MS: Final = 600_000

_HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
_HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e]*$")]


class ControlBody(BaseModel):
    """The body of a control call: camel case, and no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


class Fault(ControlBody):
    """One way to fail. `after: accept` accepts the message first, so that only the answer is lost or spoilt."""

    kind: FaultKind
    status: Annotated[int, Field(ge=200, le=599)] = 503
    headers: dict[_HeaderName, _HeaderValue] = Field(default_factory=dict)
    body: str | None = None
    """Replaces the usual error (`status`) or the usual garbage (`garbage`)."""
    delay_ms: Annotated[int, Field(ge=0, le=_LONGEST_MS)] | None = None
    """Real milliseconds. `delay` waits once; `drip` waits before each byte."""
    after: Literal["accept"] | None = None
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 1


def _every_kind() -> tuple[Fault, ...]:
    return (
        Fault(kind="status", status=500),
        Fault(kind="status", status=503, headers={"Retry-After": "1"}),
        Fault(kind="status", status=429, headers={"Retry-After": "1"}),
        Fault(kind="timeout"),
        Fault(kind="timeout", after="accept"),
        Fault(kind="reset"),
        Fault(kind="reset", after="accept"),
        Fault(kind="garbage"),
        Fault(kind="garbage", after="accept"),
        Fault(kind="delay", delay_ms=500),
        Fault(kind="drip", delay_ms=200),
    )


class RandomFault(ControlBody):
    """Fails a share of the sends until it is deleted. The same seed fails the same sends in the same ways."""

    kind: Literal["random"]
    rate: Annotated[float, Field(ge=0, le=1)] = 0.33
    seed: int = 1
    kinds: Annotated[tuple[Fault, ...], Field(min_length=1)] = Field(default_factory=_every_kind)

    @field_validator("kinds", mode="before")
    @classmethod
    def _names_too(cls, kinds: object) -> object:
        """A kind may be given by its name alone."""
        if not isinstance(kinds, list):
            return kinds
        return tuple({"kind": kind} if isinstance(kind, str) else kind for kind in kinds)

    def draw(self, turn: int) -> Fault | None:
        if _share(f"{self.seed}/{turn}/whether") >= self.rate:
            return None
        return self.kinds[int(_share(f"{self.seed}/{turn}/which") * len(self.kinds))]


def order_model(content: object) -> type[Fault] | type[RandomFault]:
    """The model for a body of POST /sandbox/faults, by its kind."""
    return RandomFault if isinstance(content, dict) and content.get("kind") == "random" else Fault


def _share(text: str) -> float:
    """A number from 0 to 1. It depends on the text alone, so that a run can be repeated."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


@dataclass(slots=True)
class _Queued:
    fault: Fault
    left: int


class Faults:
    """The ordered faults. Sends meet the counted ones first, in their order, then the random ones."""

    def __init__(self) -> None:
        self._queue: deque[_Queued] = deque()
        self._random: RandomFault | None = None
        self._turn = 0
        self._spent = 0

    def add(self, order: Fault | RandomFault) -> None:
        if isinstance(order, RandomFault):
            self._random, self._turn = order, 0
        else:
            self._queue.append(_Queued(order, order.count))

    def clear(self) -> None:
        self._queue.clear()
        self._random = None

    def draw(self) -> Fault | None:
        """The fault that this send meets, if any."""
        fault = self._next()
        self._spent += fault is not None
        return fault

    def _next(self) -> Fault | None:
        if self._queue:
            queued = self._queue[0]
            queued.left -= 1
            if not queued.left:
                self._queue.popleft()
            return queued.fault
        if self._random is None:
            return None
        self._turn += 1
        return self._random.draw(self._turn)

    def view(self) -> dict[str, Any]:
        waiting = [
            {**queued.fault.model_dump(by_alias=True, exclude_none=True), "count": queued.left}
            for queued in self._queue
        ]
        random = self._random
        return {
            "faults": waiting,
            "random": None if random is None else random.model_dump(mode="json", by_alias=True, exclude_none=True),
            "spent": self._spent,
        }
