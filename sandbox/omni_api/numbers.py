"""The documented phone numbers. Each forces an outcome; the digit after 4179000 is the group of the final status."""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.omni_api.statuses import (
    ABSENT_SUBSCRIBER,
    DELIVERED,
    EXPIRED,
    INVALID_ADDRESS,
    NO_ERROR,
    NOT_DELIVERED,
    PENDING_ENROUTE,
    REJECTIONS,
    VALIDATION_FAILED,
    VALIDITY_EXPIRED,
    DeliveryError,
    Status,
)

CHANNEL_LATENCY_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class StepFate:
    """How one step ends, and after how many seconds. None means that the channel stays silent.

    A silent step ends when its validity period ends. If `expires` is off, it never ends.
    """

    status: Status
    error: DeliveryError
    after: float | None = CHANNEL_LATENCY_SECONDS
    expires: bool = True


DELIVERS = StepFate(DELIVERED, NO_ERROR)
FAILS = StepFate(NOT_DELIVERED, ABSENT_SUBSCRIBER)
REPORTS_EXPIRED = StepFate(EXPIRED, VALIDITY_EXPIRED)
SILENT = StepFate(EXPIRED, VALIDITY_EXPIRED, after=None)
NEVER_REPORTS = StepFate(PENDING_ENROUTE, NO_ERROR, after=None, expires=False)
NOT_AN_EMAIL = StepFate(VALIDATION_FAILED, INVALID_ADDRESS)


@dataclass(frozen=True, slots=True)
class ForcedOutcome:
    """The outcome that a number forces: a rejection at once, or each attempted step's fate. The last fate repeats."""

    phone: str
    summary: str
    fates: tuple[StepFate, ...] = (DELIVERS,)
    rejected: Status | None = None

    def fate(self, attempt: int) -> StepFate:
        return self.fates[min(attempt, len(self.fates) - 1)]


ORDINARY = ForcedOutcome("", "delivered on the first step")

_WALKS: Sequence[ForcedOutcome] = (
    ForcedOutcome("41790003000", "delivered on the first step"),
    ForcedOutcome("41790003002", "the first channel fails, the second carries it", (FAILS, DELIVERS)),
    ForcedOutcome("41790003003", "two channels fail, the third carries it", (FAILS, FAILS, DELIVERS)),
    ForcedOutcome(
        "41790003102",
        "the first channel is silent until its validity period runs out, the second carries it",
        (SILENT, DELIVERS),
    ),
    ForcedOutcome("41790002000", "every channel fails: undeliverable", (FAILS,)),
    ForcedOutcome("41790004000", "every channel reports it expired", (REPORTS_EXPIRED,)),
    ForcedOutcome("41790004100", "every channel is silent until its validity period runs out: expired", (SILENT,)),
    ForcedOutcome("41790001000", "sent, and never reported on: pending for ever", (NEVER_REPORTS,)),
)
_REJECTED: Sequence[ForcedOutcome] = tuple(
    ForcedOutcome(f"41790005{status.id:03}", f"rejected at once: {status.name}", rejected=status)
    for status in REJECTIONS.values()
)

NUMBERS: dict[str, ForcedOutcome] = {outcome.phone: outcome for outcome in (*_WALKS, *_REJECTED)}


def outcome_for(phone: str | None) -> ForcedOutcome:
    """The outcome that the number forces. Numbers outside the table are delivered on the first step."""
    return NUMBERS.get(phone or "", ORDINARY)
