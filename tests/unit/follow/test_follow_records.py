"""Each message that OMNI took, or that is parked, has its record; a record that can't be written fails no send."""

from datetime import timedelta
from typing import Any

import pytest

from omni.errors import BadRequest, ErrorBody
from omni.models import OmniResponse
from relay import limits
from relay.follow.records import AT_ONCE, ITEM_BYTES, PER_CALL, PER_ITEM, address_hash
from relay.model.records import Record, State
from tests.support.fakes import BLOCKLISTED, NEW_GROUP, World
from tests.support.stored_items import relay_one_event, route

PHONE = "41793026727"
MANY = tuple(str(number) for number in range(41790000000, 41790000250))
LONG = f"{{% for _ in [1, 2, 3, 4, 5, 6] %}}{chr(0x1000) * 3_000}{{% endfor %}}"
LATER = {"within": "5m", "to": [{"phone": "+41793026731"}], "text": "Wake up"}


@pytest.fixture
def world() -> World:
    return World(limit=len(MANY))


def send(world: World, *phones: str, **others: Any) -> None:
    relay_one_event(world, route(*phones, **others), delivery="direct")


def only(world: World) -> Record:
    [record] = world.records.records.values()
    return record


def answer_with(world: World, left: float) -> None:
    """Makes OMNI's answer take all time but so many seconds."""
    send_now = world.omni.send

    def late(request: Any, deadline: float) -> OmniResponse:
        world.clock.remaining = left
        return send_now(request, deadline)

    world.omni.send = late  # type: ignore[method-assign]  # only this test


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
    assert [len(item.records or ()) for item in items] == [PER_ITEM] * (len(MANY) // PER_ITEM)
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


def test_a_message_that_omni_sends_later_is_dated_by_that_time(world: World) -> None:
    at = world.clock.now() + timedelta(days=3)
    send(world, PHONE, sendAt=at.isoformat())

    assert only(world).at == at
    assert not list(world.records.open(world.clock.now()))
    world.clock.advance(3 * 86_400)
    assert list(world.records.open(world.clock.now()))


def test_a_time_that_is_past_changes_nothing(world: World) -> None:
    send(world, PHONE, sendAt=(world.clock.now() - timedelta(days=3)).isoformat())

    assert only(world).at == world.clock.now()


def test_the_record_of_a_sent_message_has_the_steps_until_its_end_is_told(world: World) -> None:
    send(world, PHONE, unless_delivered=LATER)
    assert only(world).unless_delivered

    world.records.end(only(world).message_id, State.DELIVERED, None, world.clock.now())
    world.records.mark_told(only(world).message_id)
    assert "Wake up" not in only(world).model_dump_json()


def test_the_record_of_a_parked_message_has_no_steps(world: World) -> None:
    world.omni.statuses[PHONE] = BLOCKLISTED
    send(world, PHONE, unless_delivered=LATER)

    assert (only(world).unless_delivered, only(world).awaited) == ((), False)


def test_a_parked_message_that_omni_may_carry_is_awaited(world: World) -> None:
    world.omni.statuses[PHONE] = NEW_GROUP
    send(world, PHONE, unless_delivered=LATER)

    assert (only(world).state, only(world).detail) == (State.PARKED, "status_unknown")
    assert only(world).unless_delivered
    assert [one.message_id for one in world.records.open(world.clock.now())] == [only(world).message_id]


def test_no_end_is_awaited_where_nothing_is_followed() -> None:
    world = World(follows=False)
    send(world, PHONE)

    assert only(world).state is State.SENT
    assert not list(world.records.open(world.clock.now()))


def test_late_records_are_split_by_size() -> None:
    world = World(limit=len(MANY), keep_content=True)
    world.records.down = True
    send(world, *MANY[:60], text=LONG)

    items = [item for item, _ in world.outbox.queue]
    assert sum(len(item.records or ()) for item in items) == 60
    assert all(len(item.model_dump_json(by_alias=True)) < ITEM_BYTES * 1.1 for item in items)


def test_content_that_is_too_large_for_a_record_is_left_out() -> None:
    world = World(keep_content=True)
    names = ("sms", "viber", "whatsApp", "voice", "push", "email")
    channels = {name: {"text": LONG} for name in names}
    send(world, PHONE, channels=channels)

    assert (only(world).state, only(world).content) == (State.SENT, None)


def test_records_are_queued_once_little_time_is_left(world: World) -> None:
    put = world.records.put

    def slow(*args: Any, **options: Any) -> None:
        put(*args, **options)
        world.clock.remaining -= 1.0

    world.records.put = slow  # type: ignore[method-assign]  # each write takes a second
    answer_with(world, left=3.0)
    send(world, *MANY)

    assert world.records.written == [PER_CALL, PER_CALL]
    assert sum(len(item.records or ()) for item, _ in world.outbox.queue) == len(MANY) - 2 * PER_CALL
    assert world.telemetry.counts["RecordsLate"] == len(MANY) - 2 * PER_CALL


@pytest.mark.parametrize("left", [0.2, 1.0])
def test_without_time_nothing_is_called_that_could_take_it(world: World, left: float) -> None:
    world.omni.statuses[PHONE] = BLOCKLISTED
    answer_with(world, left=left)
    send(world, PHONE)

    assert (world.records.records, world.bus.events, len(world.outbox.parked)) == ({}, [], 1)
    assert len(world.outbox.queue) == (left > 0.5)
    assert "event_not_published" in [line[1] for line in world.telemetry.lines]


def test_the_token_of_the_reports_url_is_not_parked(world: World) -> None:
    world.notify_url = "https://relay.example.com/reports/s3cret-token"
    words = ErrorBody(text=f"{world.notify_url} is no URL" + "x" * limits.EXPLANATION_CHARS)
    world.omni.failures.append(BadRequest(400, words))
    send(world, PHONE, callbackData="x")

    [parked] = world.outbox.parked
    assert "[redacted]" in parked.detail
    assert "s3cret-token" not in parked.model_dump_json()
