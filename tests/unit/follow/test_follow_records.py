"""Each message that OMNI took, or that is parked, has its record; a record that can't be written fails no send."""

from typing import Any

import pytest

from relay.follow.records import AT_ONCE, PER_ITEM, address_hash
from relay.model.records import Record, State
from tests.support.fakes import BLOCKLISTED, World
from tests.support.stored_items import relay_one_event, route

PHONE = "41793026727"
MANY = tuple(str(number) for number in range(41790000000, 41790000060))


@pytest.fixture
def world() -> World:
    return World()


def send(world: World, *phones: str, **others: Any) -> None:
    relay_one_event(world, route(*phones, **others), delivery="direct")


def only(world: World) -> Record:
    [record] = world.records.records.values()
    return record


def test_a_sent_message_has_its_record(world: World) -> None:
    send(world, PHONE)

    record = only(world)
    assert (record.event_id, record.source, record.route, record.scenario) == ("e1", "ci", "all", "incident")
    assert (record.state, record.attempt, record.at) == (State.SENT, 1, world.clock.now())
    assert record.message_id in world.omni.accepted
    assert record.dispatch_id == world.omni.requests[0].bulk_id
    assert record.status
    assert record.status["name"] == "PENDING_ENROUTE"


def test_a_record_shows_no_address_and_finds_it_by_a_keyed_hash(world: World) -> None:
    send(world, PHONE)

    assert PHONE not in only(world).model_dump_json()
    assert only(world).to == {"phone": "4179*****27"}
    assert only(world).phone_hash == address_hash("local-records-key", PHONE) != address_hash("another key", PHONE)


def test_without_a_key_there_is_no_hash(world: World) -> None:
    world.hash_key = None
    send(world, PHONE)

    assert only(world).phone_hash is None


def test_the_text_is_not_kept(world: World) -> None:
    send(world, PHONE)

    assert only(world).content is None


def test_a_parked_message_has_a_record_that_says_why(world: World) -> None:
    world.omni.statuses[PHONE] = BLOCKLISTED
    send(world, PHONE)

    assert (only(world).state, only(world).detail) == (State.PARKED, "messages_rejected")
    [(kind, detail)] = world.bus.events
    assert (kind, detail["reason"], detail["message_ids"]) == (
        "event.parked",
        "messages_rejected",
        [only(world).message_id],
    )


def test_a_duplicate_does_not_undo_an_end(world: World) -> None:
    send(world, PHONE)
    world.records.end(only(world).message_id, State.DELIVERED, None, world.clock.now())
    world.ledger.results.clear()  # a crash before the receipt was stored
    send(world, PHONE)

    assert world.omni.requests[1].destinations == world.omni.requests[0].destinations
    assert only(world).state is State.DELIVERED


def test_a_table_that_fails_delays_the_record_and_not_the_message(world: World) -> None:
    world.records.down = True
    send(world, *MANY)

    assert len(world.omni.accepted) == len(MANY)
    items = [item for item, _ in world.outbox.queue]
    assert [len(item.records or ()) for item in items] == [PER_ITEM, PER_ITEM, len(MANY) - 2 * PER_ITEM]
    assert world.telemetry.counts["RecordsLate"] == len(MANY)

    world.records.down = False
    for item in items:
        assert world.deliverer.deliver(item.model_dump_json(by_alias=True), 1) is None
    assert len(world.records.records) == len(MANY)


def test_without_table_and_queue_the_message_is_sent_and_the_loss_logged(world: World) -> None:
    world.records.down = world.outbox.down = True
    send(world, PHONE)

    assert len(world.omni.accepted) == 1
    assert [line[:2] for line in world.telemetry.lines] == [("error", "record_lost")]
    assert world.telemetry.counts["RecordsLost"] == 1


def test_many_careful_writes_are_left_to_the_queue(world: World) -> None:
    phones = MANY[: AT_ONCE + 1]
    world.omni.statuses.update(dict.fromkeys(phones, BLOCKLISTED))
    send(world, *phones)

    assert not world.records.records
    assert [len(item.records or ()) for item, _ in world.outbox.queue] == [len(phones)]


def test_a_bus_that_fails_does_not_keep_anything_from_being_parked(world: World) -> None:
    world.bus.down = True
    world.omni.statuses[PHONE] = BLOCKLISTED
    send(world, PHONE)

    assert len(world.outbox.parked) == 1
    assert [line[1] for line in world.telemetry.lines] == ["event_not_published"]
