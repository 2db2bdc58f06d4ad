"""A replay sends each parked item exactly once, whatever it was parked for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from omni.errors import BadRequest, ServerError, Unauthorized
from relay.model.events import Event
from relay.model.items import Parked, Reason
from tests.support.fakes import BLOCKLISTED, NEW_GROUP, NO_CREDIT, PENDING, World

ONE, TWO = "41793026727", "41793026731"
ROUTE = {"scenario": "incident", "to": [{"phone": f"+{ONE}"}], "text": "hello"}
NO_FIELDS: dict[str, Any] = {}
BROKEN = ROUTE | {"text": "{{ body.missing }}"}


@pytest.fixture
def world() -> World:
    return World()


def an_event(body: Any = NO_FIELDS) -> Event:
    return Event(source="ci", id="e1", headers={}, body=body, received_at=datetime.now(UTC))


def deliver(world: World, body: str) -> int | None:
    return world.deliverer.deliver(body, 1)


def deliver_all(world: World) -> None:
    while world.outbox.queue:
        item, _ = world.outbox.queue.pop(0)
        assert deliver(world, item.model_dump_json(by_alias=True)) is None


def replayed(parked: Parked, world: World) -> str:
    item = parked.replayed(world.clock.now())
    assert item
    return item.model_dump_json(by_alias=True)


def parked_for(world: World, reason: Reason) -> Parked:
    """Returns a dispatch that was parked for this reason, after removing the cause."""
    source = world.add_source("ci", {"all": ROUTE}, delivery="queued")
    world.relayer.relay(an_event(), source)
    failures = {Reason.REQUEST_REFUSED: BadRequest(400), Reason.ACCOUNT_BLOCKED: Unauthorized(401)}
    if reason is Reason.MESSAGES_REJECTED:
        world.omni.statuses[ONE] = BLOCKLISTED
    elif reason is Reason.UNKNOWN_SCENARIO:
        world.configuration.scenarios.clear()
    else:
        world.omni.failures = [failures.get(reason, ServerError(500))]
    if reason in {Reason.ATTEMPTS_EXHAUSTED, Reason.ACCOUNT_BLOCKED}:
        world.clock.advance(100_000)
    deliver_all(world)
    world.omni.statuses.clear()
    world.configuration.scenarios.add("incident")
    [parked] = world.outbox.parked
    world.outbox.parked.clear()
    assert parked.reason is reason
    return parked


DISPATCH_REASONS = [
    Reason.REQUEST_REFUSED,
    Reason.UNKNOWN_SCENARIO,
    Reason.MESSAGES_REJECTED,
    Reason.ATTEMPTS_EXHAUSTED,
    Reason.ACCOUNT_BLOCKED,
]


@pytest.mark.parametrize("reason", DISPATCH_REASONS)
def test_a_replayed_dispatch_is_sent_once_whatever_it_was_parked_for(world: World, reason: Reason) -> None:
    body = replayed(parked_for(world, reason), world)
    for _ in range(2):
        assert deliver(world, body) is None
    assert list(world.omni.accepted.values()) == [ONE]
    assert not world.outbox.parked


@pytest.mark.parametrize("reason", DISPATCH_REASONS)
def test_an_item_that_was_parked_twice_is_sent_once(world: World, reason: Reason) -> None:
    """SQS may store an item whose confirmation is lost, and a crash may park it again."""
    parked = parked_for(world, reason)
    world.clock.advance(60)
    for twin in (parked, parked.model_copy(update={"last_attempt_at": world.clock.now()})):
        assert deliver(world, replayed(twin, world)) is None
    assert list(world.omni.accepted.values()) == [ONE]


@pytest.mark.parametrize("reason", [r for r in DISPATCH_REASONS if r is not Reason.MESSAGES_REJECTED])
def test_a_replay_keeps_the_message_ids_that_omni_may_know(world: World, reason: Reason) -> None:
    parked = parked_for(world, reason)
    item = parked.replayed(world.clock.now())
    assert item
    assert item.dispatch
    assert parked.dispatch
    assert item.dispatch.messages == parked.dispatch.messages


def test_a_dispatch_that_is_refused_again_is_parked_again_and_can_be_replayed(world: World) -> None:
    parked = parked_for(world, Reason.REQUEST_REFUSED)
    for _ in range(3):
        world.omni.failures = [BadRequest(400)]
        assert deliver(world, replayed(parked, world)) is None
        [parked] = world.outbox.parked
        world.outbox.parked.clear()
    assert deliver(world, replayed(parked, world)) is None
    assert list(world.omni.accepted.values()) == [ONE]


def test_an_event_that_was_parked_twice_and_is_still_broken_is_parked_once(world: World) -> None:
    world.relayer.relay(an_event(), world.add_source("ci", {"all": BROKEN}))
    [parked] = world.outbox.parked
    for _ in range(2):
        assert deliver(world, replayed(parked, world)) is None
    assert len(world.outbox.parked) == 2  # the first item, and one from the replay


def test_a_redelivery_that_finds_another_route_broken_is_parked_for_that_one(world: World) -> None:
    other = ROUTE | {"to": [{"phone": f"+{TWO}"}]}
    world.relayer.relay(an_event(), world.add_source("ci", {"one": BROKEN, "two": other}))
    world.outbox.parked.clear()  # a person has replayed it
    source = world.add_source("ci", {"one": ROUTE, "two": other, "three": BROKEN})
    outcome = world.relayer.relay(an_event(), source)
    assert outcome.name == "parked"
    [parked] = world.outbox.parked
    assert "route three" in parked.detail


@pytest.mark.parametrize("first_copies", [1, 2])
def test_an_event_whose_template_was_fixed_is_delivered_once(world: World, first_copies: int) -> None:
    source = world.add_source("ci", {"all": BROKEN, "fine": ROUTE | {"text": "fine"}})
    for _ in range(first_copies):
        world.relayer.relay(an_event(), source)
    [parked] = world.outbox.parked
    world.add_source("ci", {"all": ROUTE | {"text": "mended"}, "fine": ROUTE | {"text": "fine"}})
    for _ in range(2):
        assert deliver(world, replayed(parked, world)) is None
    deliver_all(world)
    assert sorted(world.sent_texts) == ["fine", "mended"]


def replay_all(world: World) -> None:
    back = [replayed(parked, world) for parked in world.outbox.parked]
    world.outbox.parked.clear()
    for body in back:
        deliver(world, body)
    deliver_all(world)


def test_a_refused_message_that_was_later_sent_under_its_old_id_is_not_replayed(world: World) -> None:
    """SQS stored the parked item, but its confirmation was lost, so the dispatch was tried again."""
    world.outbox.confirmed = [False]
    world.omni.statuses[ONE] = BLOCKLISTED
    world.relayer.relay(an_event(), world.add_source("ci", {"all": ROUTE}, delivery="queued"))
    item, _ = world.outbox.queue.pop()
    body = item.model_dump_json(by_alias=True)
    assert deliver(world, body) is not None
    world.omni.statuses.clear()
    assert deliver(world, body) is None

    replay_all(world)

    assert list(world.omni.accepted.values()) == [ONE]


@pytest.mark.parametrize("replayed_first", [True, False])
def test_a_replay_and_a_redelivery_without_a_record_send_each_message_once(world: World, replayed_first: bool) -> None:
    world.omni.statuses[ONE] = BLOCKLISTED
    both = ROUTE | {"to": [{"phone": f"+{ONE}"}, {"phone": f"+{TWO}"}]}
    source = world.add_source("ci", {"all": both})
    world.relayer.relay(an_event(), source)
    world.ledger.results.clear()
    world.omni.statuses.clear()
    for step in (replay_all, lambda w: w.relayer.relay(an_event(), source))[:: 1 if replayed_first else -1]:
        step(world)
    assert sorted(world.omni.accepted.values()) == [ONE, TWO]


def test_a_part_that_was_retried_and_then_refused_is_sent_once(world: World) -> None:
    both = ROUTE | {"to": [{"phone": f"+{ONE}"}, {"phone": f"+{TWO}"}]}
    world.omni.statuses[ONE] = NO_CREDIT
    world.relayer.relay(an_event(), world.add_source("ci", {"all": both}))
    [(part, _)] = world.outbox.queue
    world.outbox.queue.clear()
    world.clock.advance(1_000)
    world.omni.statuses[ONE] = BLOCKLISTED
    body = part.model_dump_json(by_alias=True)
    assert deliver(world, body) is None
    world.ledger.forget("send", part.dispatch.id if part.dispatch else "")
    world.omni.statuses.clear()
    assert deliver(world, body) is None  # as if the function had died before it wrote its record
    replay_all(world)
    assert sorted(world.omni.accepted.values()) == [ONE, TWO]


@pytest.mark.parametrize("second", [PENDING, NEW_GROUP], ids=["accepted", "of an unknown status"])
def test_a_refused_message_gets_a_new_id_whatever_the_status_of_the_others(
    world: World, second: dict[str, Any]
) -> None:
    both = ROUTE | {"to": [{"phone": f"+{ONE}"}, {"phone": f"+{TWO}"}]}
    world.omni.remembers_refused = True
    world.omni.statuses = {ONE: BLOCKLISTED, TWO: second}
    world.relayer.relay(an_event(), world.add_source("ci", {"all": both}))
    refused = {parked.reason: parked for parked in world.outbox.parked}[Reason.MESSAGES_REJECTED]
    assert refused.dispatch
    assert [message.phone for message in refused.dispatch.messages] == [ONE]
    world.omni.statuses.clear()
    replay_all(world)
    assert ONE in world.omni.accepted.values()


@pytest.mark.parametrize("confirmed", [0, 1])
def test_a_message_of_unknown_status_is_not_lost_if_the_refused_part_is_replayed_first(
    world: World, confirmed: int
) -> None:
    """The function fails while it parks the two parts in turn, and a replay runs before its retry."""
    world.outbox.confirmed = [True] * confirmed + [False]
    world.omni.statuses = {ONE: BLOCKLISTED, TWO: NEW_GROUP}
    both = ROUTE | {"to": [{"phone": f"+{ONE}"}, {"phone": f"+{TWO}"}]}
    world.relayer.relay(an_event(), world.add_source("ci", {"all": both}, delivery="queued"))
    item, _ = world.outbox.queue.pop()
    assert deliver(world, item.model_dump_json(by_alias=True)) is not None
    world.omni.statuses.clear()
    replay_all(world)
    assert deliver(world, item.model_dump_json(by_alias=True)) is None
    assert sorted(world.omni.accepted.values()) == [ONE, TWO]


def test_an_event_whose_body_is_null_is_replayed_too(world: World) -> None:
    world.relayer.relay(an_event(None), world.add_source("ci", {"one": ROUTE, "all": BROKEN}))
    world.add_source("ci", {"one": ROUTE, "all": ROUTE | {"to": [{"phone": f"+{TWO}"}]}})
    replay_all(world)
    assert sorted(world.omni.accepted.values()) == [ONE, TWO]
