"""What is parked goes back under ids that neither lose it nor send it twice, whatever it was parked for."""

from datetime import UTC, datetime

import pytest

from omni.errors import BadRequest, ServerError, Unauthorized
from relay.delivering import Deliverer, Postponed
from relay.events import Event
from relay.parking import Parked, Reason
from tests.support.fakes import BLOCKLISTED, World

ONE, TWO = "41793026727", "41793026731"
ROUTE = {"scenario": "incident", "to": [{"phone": f"+{ONE}"}], "text": "hello"}
BROKEN = ROUTE | {"text": "{{ body.missing }}"}


@pytest.fixture
def world() -> World:
    return World()


def an_event() -> Event:
    return Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC))


def deliver(world: World, body: str) -> Postponed | None:
    return Deliverer(world.configuration, world.relayer).deliver(body, 1)


def deliver_all(world: World) -> None:
    while world.outbox.queue:
        item, _ = world.outbox.queue.pop(0)
        assert deliver(world, item.model_dump_json(by_alias=True)) is None


def replayed(parked: Parked, world: World) -> str:
    item = parked.replayed(world.clock.now())
    assert item
    return item.model_dump_json(by_alias=True)


def parked_for(world: World, reason: Reason) -> Parked:
    """A dispatch that ended parked for this reason, its cause gone again."""
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
    """SQS may keep an item whose confirmation was lost, and a crash may park it again."""
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


def test_what_is_refused_again_is_parked_again_and_can_be_replayed_again(world: World) -> None:
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
    assert len(world.outbox.parked) == 2  # the first, and the replay's


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
def test_an_event_whose_template_was_mended_is_delivered_once(world: World, first_copies: int) -> None:
    source = world.add_source("ci", {"all": BROKEN, "fine": ROUTE | {"text": "fine"}})
    for _ in range(first_copies):
        world.relayer.relay(an_event(), source)
    [parked] = world.outbox.parked
    world.add_source("ci", {"all": ROUTE | {"text": "mended"}, "fine": ROUTE | {"text": "fine"}})
    for _ in range(2):
        assert deliver(world, replayed(parked, world)) is None
    deliver_all(world)
    assert sorted(world.sent_texts) == ["fine", "mended"]
