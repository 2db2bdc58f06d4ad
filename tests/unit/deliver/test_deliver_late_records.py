"""Records that could not be written when their messages were sent are written from the queue, and never undo an end."""

from datetime import timedelta

import pytest

from relay.model.items import QueueItem
from relay.model.records import Record, State
from tests.support.fakes import World


@pytest.fixture
def world() -> World:
    return World()


def a_record(world: World, message_id: str = "m1", state: State = State.SENT) -> Record:
    return Record(
        message_id=message_id,
        event_id="e1",
        source="ci",
        route="all",
        scenario="incident",
        dispatch_id="d1",
        to={"phone": "+4179…27"},
        attempt=1,
        at=world.clock.now(),
        state=state,
    )


def late(world: World, *records: Record) -> str:
    item = QueueItem(records=records, first_attempt_at=world.clock.now())
    return item.model_dump_json(by_alias=True, exclude_none=True)


def test_late_records_are_written(world: World) -> None:
    body = late(world, a_record(world), a_record(world, "m2"))
    assert world.deliverer.deliver(body, 1) is None
    assert world.records.records.keys() == {"m1", "m2"}


def test_a_late_record_does_not_undo_a_final_state(world: World) -> None:
    world.records.put([a_record(world, state=State.DELIVERED)])
    assert world.deliverer.deliver(late(world, a_record(world)), 1) is None
    assert world.records.records["m1"].state is State.DELIVERED


def test_it_is_tried_again_while_the_table_fails(world: World) -> None:
    world.records.down = True
    body = late(world, a_record(world))
    delay = world.deliverer.deliver(body, 1)
    assert delay is not None
    assert 1 <= delay <= 5
    world.records.down = False
    assert world.deliverer.deliver(body, 2) is None
    assert "m1" in world.records.records


def test_what_could_not_be_written_for_a_day_is_named_and_counted(world: World) -> None:
    world.records.down = True
    body = late(world, a_record(world), a_record(world, "m2"))
    world.clock.time += timedelta(days=2)
    assert world.deliverer.deliver(body, 30) is None
    assert not world.outbox.parked
    assert world.telemetry.counts["RecordsLost"] == 2
    assert ("error", "record_lost", {"messages": 2, "message_ids": ["m1", "m2"]}) in world.telemetry.lines
