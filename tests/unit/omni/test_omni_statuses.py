"""Each status that OMNI may answer a send with has a policy, and the published codes are known."""

import pytest

from omni.models import Status
from omni.statuses import REFINEMENTS, Policy, classify, known_errors, known_statuses


@pytest.mark.parametrize(
    ("group_id", "identifier", "name", "policy"),
    [
        (0, 0, "MESSAGE_ACCEPTED", Policy.ACCEPTED),
        (1, 7, "PENDING_ENROUTE", Policy.ACCEPTED),
        (1, 26, "PENDING_ACCEPTED", Policy.ACCEPTED),
        (3, 5, "DELIVERED_TO_HANDSET", Policy.ACCEPTED),
        (2, 4, "UNDELIVERABLE_REJECTED_OPERATOR", Policy.PARK),
        (4, 15, "EXPIRED_EXPIRED", Policy.PARK),
        (5, 14, "REJECTED_DESTINATION_BLOCKLISTED", Policy.PARK),
        (5, 23, "REJECTED_DUPLICATE_MESSAGE_ID", Policy.ACCEPTED),
        (5, 12, "REJECTED_NOT_ENOUGH_CREDITS", Policy.RETRY_ACCOUNT),
        (5, 17, "REJECTED_PREPAID_PACKAGE_EXPIRED", Policy.RETRY_ACCOUNT),
        (5, 20, "REJECTED_FLOODING_FILTER", Policy.RETRY_ACCOUNT),
        (5, 21, "REJECTED_SYSTEM_ERROR", Policy.RETRY_ACCOUNT),
        (5, 89, "REJECTED_INTERNAL_ERROR", Policy.RETRY),
    ],
)
def test_each_status_has_its_policy(group_id: int, identifier: int, name: str, policy: Policy) -> None:
    assert classify(Status(group_id=group_id, id=identifier, name=name)) is policy


def test_a_name_decides_over_an_id_since_ids_repeat_across_channels() -> None:
    assert classify(Status(group_id=5, id=23, name="REJECTED_SOMETHING_ELSE")) is Policy.PARK
    assert classify(Status(group_id=5, id=999, name="REJECTED_DUPLICATE_MESSAGE_ID")) is Policy.ACCEPTED


def test_an_id_decides_where_there_is_no_name() -> None:
    assert classify(Status(group_id=5, id=23)) is Policy.ACCEPTED
    assert classify(Status(group_id=1, id=23)) is Policy.ACCEPTED
    assert classify(Status(group_id=2, id=23)) is Policy.PARK


@pytest.mark.parametrize(
    ("status", "policy"),
    [
        (Status(group_name="Pending"), Policy.ACCEPTED),
        (Status(group_name="REJECTED", name="REJECTED_DUPLICATE_MESSAGE_ID"), Policy.ACCEPTED),
        (Status(name="REJECTED_NOT_ENOUGH_CREDITS"), Policy.RETRY_ACCOUNT),
        (Status(name="PENDING_ENROUTE"), Policy.ACCEPTED),
        (Status(name="SIGNALS_BLOCKED"), Policy.PARK),  # published in two groups
        (Status(group_id=6, group_name="SEEN"), Policy.PARK),
        (Status(name="NEVER_HEARD_OF"), Policy.PARK),
        (Status(), Policy.PARK),
    ],
)
def test_a_status_without_a_known_group_id_is_decided_by_what_it_has(status: Status, policy: Policy) -> None:
    assert classify(status) is policy


def test_every_published_status_is_listed() -> None:
    statuses, errors = known_statuses(), known_errors()

    assert (len(statuses), len(errors)) == (64, 317)
    assert sum(error.permanent for error in errors) == 210
    assert {status.group_id for status in statuses} == {1, 2, 3, 4, 5, None}


def test_the_refinements_speak_of_published_statuses() -> None:
    published = {(status.group_id, status.id, status.name) for status in known_statuses()}

    assert {(known.group_id, known.id, known.name) for known in REFINEMENTS} <= published
