"""The policy for each message status, and the tables of statuses and error codes that Infobip publishes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType

from omni.models import Status

ACCEPTED, PENDING, UNDELIVERABLE, DELIVERED, EXPIRED, REJECTED = range(6)


class Policy(StrEnum):
    """The step that follows from a message's status in the answer to a send."""

    ACCEPTED = "accepted"  # OMNI has the message
    RETRY = "retry"
    RETRY_ACCOUNT = "retry_account"  # slowly, because the account is the cause and holds back every message
    PARK = "park"  # keep it until a person acts


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
    """Decides by the status's group, refined by its name. The id counts only if there is no name, because channels use
    the same ids with different meanings.

    A message whose status has no known group is parked. It may have been accepted, so a person decides about a retry.
    """
    group = group_of(status)
    if group is None:
        return Policy.PARK
    refined = _BY_NAME.get((group, status.name)) if status.name else _BY_ID.get((group, status.id or 0))
    return refined or GROUPS.get(group, Policy.PARK)


def group_of(status: Status) -> int | None:
    """Returns the group's id. If the status has none, the group's name tells it, or else the published statuses do."""
    if status.group_id is not None:
        return status.group_id
    by_name = GROUP_NAMES.get(status.group_name.upper())
    if by_name is not None or not status.name:
        return by_name
    published = {known.group_id for known in known_statuses() if known.name == status.name} - {None}
    return published.pop() if len(published) == 1 else None


@dataclass(frozen=True, slots=True)
class PublishedCode:
    """A published status or error code. `family` says for which channels it was published."""

    family: str
    group: str
    group_id: int | None
    id: int
    name: str
    permanent: bool  # always False for a status


@cache
def known_statuses() -> tuple[PublishedCode, ...]:
    return _published("known_statuses.tsv")


@cache
def known_errors() -> tuple[PublishedCode, ...]:
    """Returns the published error codes. They explain the codes in delivery reports."""
    return _published("known_errors.tsv")


def _published(file: str) -> tuple[PublishedCode, ...]:
    """Reads one of Infobip's tables, which lie beside this module and have these columns in this order."""
    _, *rows = Path(__file__).with_name(file).read_text("utf-8").splitlines()
    return tuple(
        PublishedCode(family, group, int(group_id) if group_id else None, int(code), name, permanent == "True")
        for family, group, group_id, code, name, permanent in (row.split("\t") for row in rows)
    )
