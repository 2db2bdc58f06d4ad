"""Faults on demand: the orders for them, and the one that the next send or the next pushed report meets."""

import hashlib
from collections import Counter, deque
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

FaultKind = Literal["status", "timeout", "reset", "garbage", "delay", "drip"]
ReportFault = Literal["lost", "late", "doubled", "reordered"]
FAULT_KINDS: Final = (*get_args(FaultKind), "random", "reports")
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


_ReportShare = Annotated[float, Field(ge=0, le=1)]


class ReportFaults(ControlBody):
    """Spoils shares of the pushed reports until it is deleted. The same seed draws the same faults in the same order.

    A lost report is never pushed, although the logs have its status. A late one comes after `delayMs`. A doubled one
    comes twice at once. A reordered one comes after the next one, or after `delayMs` if none follows.
    """

    kind: Literal["reports"]
    lost: _ReportShare = 0
    late: _ReportShare = 0
    doubled: _ReportShare = 0
    reordered: _ReportShare = 0
    delay_ms: Annotated[int, Field(ge=0, le=_LONGEST_MS)] = 2000
    """Real milliseconds."""
    seed: int = 1

    @model_validator(mode="after")
    def _one_fault_each(self) -> Self:
        if self.lost + self.late + self.doubled + self.reordered > 1:
            raise ValueError("lost, late, doubled and reordered must be 1 together, at most")
        return self

    def draw(self, turn: int) -> ReportFault | None:
        left = _share(f"{self.seed}/{turn}/report")
        fault: ReportFault
        for fault in get_args(ReportFault):
            left -= getattr(self, fault)
            if left < 0:
                return fault
        return None


_MODELS: Final[dict[str, type[RandomFault | ReportFaults]]] = {"random": RandomFault, "reports": ReportFaults}


def order_model(content: object) -> type[Fault | RandomFault | ReportFaults]:
    """The model for a body of POST /sandbox/faults, by its kind."""
    return _MODELS.get(str(content.get("kind")), Fault) if isinstance(content, dict) else Fault


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
        self._reports: ReportFaults | None = None
        self._report_turn = 0
        self._spoilt: Counter[str] = Counter()

    @property
    def report_delay_ms(self) -> int:
        return self._reports.delay_ms if self._reports else 0

    def add(self, order: Fault | RandomFault | ReportFaults) -> None:
        if isinstance(order, RandomFault):
            self._random, self._turn = order, 0
        elif isinstance(order, ReportFaults):
            self._reports, self._report_turn = order, 0
        else:
            self._queue.append(_Queued(order, order.count))

    def clear(self) -> None:
        self._queue.clear()
        self._random = None
        self._reports = None

    def draw(self) -> Fault | None:
        """The fault that this send meets, if any."""
        fault = self._next()
        self._spent += fault is not None
        return fault

    def draw_for_report(self) -> ReportFault | None:
        """The fault that this pushed report meets, if any."""
        if self._reports is None:
            return None
        self._report_turn += 1
        fault = self._reports.draw(self._report_turn)
        if fault is not None:
            self._spoilt[fault] += 1
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
        lasting = {"random": self._random, "reports": self._reports}
        return {
            "faults": waiting,
            **{
                name: order and order.model_dump(mode="json", by_alias=True, exclude_none=True)
                for name, order in lasting.items()
            },
            "spent": self._spent,
            "spoiltReports": dict(self._spoilt),
        }
