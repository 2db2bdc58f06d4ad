"""What to do about a message's status: the policy table, and the statuses and error codes that Infobip publishes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from omni.models import Status

ACCEPTED, PENDING, UNDELIVERABLE, DELIVERED, EXPIRED, REJECTED = range(6)


class Policy(StrEnum):
    """What follows from a status in the answer to a send."""

    ACCEPTED = "accepted"  # OMNI has the message
    RETRY = "retry"
    RETRY_ACCOUNT = "retry_account"  # slowly: a condition of the account holds every message back
    PARK = "park"  # until a person acts


GROUPS: Mapping[int, Policy] = MappingProxyType(
    {
        ACCEPTED: Policy.ACCEPTED,
        PENDING: Policy.ACCEPTED,
        UNDELIVERABLE: Policy.PARK,
        DELIVERED: Policy.ACCEPTED,
        EXPIRED: Policy.PARK,
        REJECTED: Policy.PARK,
    }
)
GROUP_NAMES: Mapping[str, int] = MappingProxyType(
    {
        "ACCEPTED": ACCEPTED,
        "PENDING": PENDING,
        "UNDELIVERABLE": UNDELIVERABLE,
        "DELIVERED": DELIVERED,
        "EXPIRED": EXPIRED,
        "REJECTED": REJECTED,
    }
)


@dataclass(frozen=True, slots=True)
class Refinement:
    """A status whose policy differs from its group's."""

    group_id: int
    id: int
    name: str
    policy: Policy


REFINEMENTS: tuple[Refinement, ...] = (
    Refinement(REJECTED, 12, "REJECTED_NOT_ENOUGH_CREDITS", Policy.RETRY_ACCOUNT),
    Refinement(REJECTED, 17, "REJECTED_PREPAID_PACKAGE_EXPIRED", Policy.RETRY_ACCOUNT),
    Refinement(REJECTED, 20, "REJECTED_FLOODING_FILTER", Policy.RETRY_ACCOUNT),
    Refinement(REJECTED, 21, "REJECTED_SYSTEM_ERROR", Policy.RETRY_ACCOUNT),
    Refinement(REJECTED, 23, "REJECTED_DUPLICATE_MESSAGE_ID", Policy.ACCEPTED),  # already sent
    Refinement(REJECTED, 75, "REJECTED_FREE_TRIAL_EXCEEDED", Policy.RETRY_ACCOUNT),
    Refinement(REJECTED, 89, "REJECTED_INTERNAL_ERROR", Policy.RETRY),
)
_BY_NAME = {(known.group_id, known.name): known.policy for known in REFINEMENTS}
_BY_ID = {(known.group_id, known.id): known.policy for known in REFINEMENTS}


def classify(status: Status) -> Policy:
    """Decide by group, refined by name; by id only without a name, since ids mean other things on other channels.

    A status of no known group is parked: its message may have been accepted, so sending again is a person's decision.
    """
    group = group_of(status)
    if group is None:
        return Policy.PARK
    refined = _BY_NAME.get((group, status.name)) if status.name else _BY_ID.get((group, status.id or 0))
    return refined or GROUPS.get(group, Policy.PARK)


def group_of(status: Status) -> int | None:
    """The group's id; where the status has none, by the group's name, then by the published statuses."""
    if status.group_id is not None:
        return status.group_id
    by_name = GROUP_NAMES.get(status.group_name.upper())
    if by_name is not None or not status.name:
        return by_name
    published = {known.group_id for known in known_statuses() if known.name == status.name} - {None}
    return published.pop() if len(published) == 1 else None


@dataclass(frozen=True, slots=True)
class PublishedCode:
    """A published status or error code; `family` is the channel it was published for."""

    family: str
    group: str
    group_id: int | None
    id: int
    name: str
    permanent: bool = False


@cache
def known_statuses() -> tuple[PublishedCode, ...]:
    from omni.known_statuses import TEXT

    return _read(TEXT)


@cache
def known_errors() -> tuple[PublishedCode, ...]:
    from omni.known_errors import TEXT

    return _read(TEXT)


def _read(text: str) -> tuple[PublishedCode, ...]:
    known: list[PublishedCode] = []
    family, group, group_id = "", "", None
    for line in text.splitlines():
        if line.startswith("# "):
            family, group, number = ("" if part == "-" else part for part in line[2:].split(" | "))
            group_id = int(number) if number else None
        else:
            code, name, *permanent = line.split()
            known.append(PublishedCode(family, group, group_id, int(code), name, permanent=bool(permanent)))
    return tuple(known)
