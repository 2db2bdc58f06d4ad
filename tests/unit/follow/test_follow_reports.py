"""Each end of a message is recorded once and told until that has succeeded; whatever else OMNI says changes nothing."""

from datetime import timedelta
from typing import Any

import pytest

from omni.models import Log
from omni.models import Report as OmniReport
from relay.follow.reports import Heard, Listener, heard_of, unreported
from relay.model.dispatches import Content, Step
from relay.model.records import Record, State
from relay.ports import BusUnavailable, NoTimeLeft, QueueUnavailable, RecordsUnavailable
from tests.support.fakes import World

DELIVERED = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}
UNDELIVERABLE = {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"}
EXPIRED = {"groupId": 4, "groupName": "EXPIRED", "id": 15, "name": "EXPIRED_EXPIRED"}
REJECTED = {"groupId": 5, "groupName": "REJECTED", "id": 6, "name": "REJECTED_NETWORK"}
PENDING = {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def listener(world: World) -> Listener:
    return Listener(
        world.records, world.outbox, world.bus, world.telemetry, world.clock.now, lambda: world.clock.remaining
    )


def known(world: World, message_id: str = "m1", **changes: Any) -> None:
    record = Record(
        message_id=message_id,
        event_id="e1",
        source="ci",
        route="all",
        scenario="incident",
        dispatch_id="d1",
        to={"phone": "4179*****27"},
        attempt=1,
        at=world.clock.now(),
        state=State.SENT,
    )
    world.records.put([record.model_copy(update=changes)])


def said(status: dict[str, Any], message_id: str = "m1", **fields: Any) -> Heard:
    heard = heard_of(OmniReport.from_wire({"messageId": message_id, "status": status, "channel": "VIBER", **fields}))
    assert heard
    return heard


def counted(world: World) -> dict[str, int]:
    return {metric: value for metric, value in world.telemetry.counts.items() if value}


def names(world: World) -> list[str]:
    return [message for _, message, _ in world.telemetry.lines]


def test_a_delivered_message_is_told_with_channel_and_seconds(world: World, listener: Listener) -> None:
    known(world)
    done_at = (world.clock.now() + timedelta(seconds=12.5)).isoformat()

    listener.hear([said(DELIVERED, doneAt=done_at, price={"pricePerMessage": 0.01, "currency": "EUR"})])

    [line] = world.telemetry.reports
    assert (line["final"], line["state"], line["channel"], line["seconds"]) == (True, "delivered", "VIBER", 12.5)
    assert line["status"] == DELIVERED
    assert line["price"] == {"pricePerMessage": 0.01, "currency": "EUR"}
    [(kind, detail)] = world.bus.events
    assert (kind, detail["id"], detail["state"]) == ("message.delivered", "m1", "delivered")
    assert counted(world) == {"MessagesDelivered": 1}
    assert world.records.records["m1"].told


@pytest.mark.parametrize(
    ("status", "state"), [(UNDELIVERABLE, "undelivered"), (EXPIRED, "expired"), (REJECTED, "rejected")]
)
def test_a_failed_message_is_told_as_undelivered(
    world: World, listener: Listener, status: dict[str, Any], state: str
) -> None:
    known(world)

    listener.hear([said(status)])

    assert [(kind, detail["state"]) for kind, detail in world.bus.events] == [("message.undelivered", state)]
    assert counted(world) == {"MessagesUndelivered": 1}
    assert world.telemetry.reports[0]["seconds"] is None


def test_an_error_says_whether_it_is_permanent_even_where_omni_does_not(world: World, listener: Listener) -> None:
    known(world)

    listener.hear([said(UNDELIVERABLE, error={"groupId": 1, "id": 1, "name": "EC_UNKNOWN_SUBSCRIBER"})])

    assert world.telemetry.reports[0]["error"]["permanent"] is True


def test_no_error_is_no_error() -> None:
    heard = said(DELIVERED, error={"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "permanent": False})

    assert heard.report
    assert heard.report.error is None


def test_a_repeated_report_changes_and_tells_nothing(world: World, listener: Listener) -> None:
    known(world)
    listener.hear([said(DELIVERED), said(DELIVERED)])
    listener.hear([said(DELIVERED)])

    assert len(world.bus.events) == len(world.telemetry.reports) == 1
    assert counted(world) == {"MessagesDelivered": 1, "ReportsRepeated": 2}
    assert names(world) == ["report_repeated"]


@pytest.mark.parametrize("late", [UNDELIVERABLE, PENDING])
def test_a_final_state_is_never_undone(world: World, listener: Listener, late: dict[str, Any]) -> None:
    known(world)
    listener.hear([said(DELIVERED)])
    listener.hear([said(late)])

    assert world.records.records["m1"].state is State.DELIVERED
    assert names(world) == ["report_late"]
    assert len(world.bus.events) == 1


def test_a_delivery_after_unreported_is_late(world: World, listener: Listener) -> None:
    known(world)
    listener.hear([unreported("m1")])
    listener.hear([said(DELIVERED)])

    assert world.records.records["m1"].state is State.UNREPORTED
    assert [kind for kind, _ in world.bus.events] == ["message.unreported"]
    assert names(world) == ["report_late"]


def test_a_report_on_the_way_is_logged_and_ends_nothing(world: World, listener: Listener) -> None:
    known(world)

    listener.hear([said(PENDING)])

    [line] = world.telemetry.reports
    assert (line["final"], line["state"]) == (False, "sent")
    assert not world.bus.events
    assert world.records.records["m1"].state is State.SENT


@pytest.mark.parametrize("status", [DELIVERED, PENDING])
def test_an_unknown_message_is_named(world: World, listener: Listener, status: dict[str, Any]) -> None:
    listener.hear([said(status, "stranger")])

    assert names(world) == ["report_unknown"]
    assert counted(world) == {"ReportsUnknown": 1}


def test_what_was_parked_ends_too(world: World, listener: Listener) -> None:
    # OMNI may have taken a message whose answer was lost.
    known(world, state=State.PARKED)

    listener.hear([said(DELIVERED)])

    assert world.records.records["m1"].state is State.DELIVERED


STEP = Step(within=300, to=(), content=Content(scenario="wake-up-call", text="Nobody has it yet"))


def test_a_failed_message_starts_what_unless_delivered_says(world: World, listener: Listener) -> None:
    known(world, unless_delivered=(STEP,))
    known(world, "m2", unless_delivered=(STEP,))

    listener.hear([said(UNDELIVERABLE), said(DELIVERED, "m2")])

    [(item, delay)] = world.outbox.queue
    assert item.watch
    assert (item.watch.message_ids, item.watch.steps, item.not_before, delay) == (("m1",), (STEP,), None, 0)


@pytest.mark.parametrize("broken", ["bus", "outbox"])
def test_what_could_not_be_told_is_told_by_the_repeated_report(world: World, listener: Listener, broken: str) -> None:
    known(world, unless_delivered=(STEP,))
    getattr(world, broken).down = True
    with pytest.raises((BusUnavailable, QueueUnavailable)):
        listener.hear([said(UNDELIVERABLE)])
    assert not world.records.records["m1"].told

    getattr(world, broken).down = False
    world.clock.advance(61)
    listener.hear([said(UNDELIVERABLE)])

    assert world.records.records["m1"].told
    assert len(world.telemetry.reports) == 1
    assert {item.watch.message_ids for item, _ in world.outbox.queue if item.watch} == {("m1",)}


def test_whoever_is_to_be_told_next_does_not_wait_for_the_bus(world: World, listener: Listener) -> None:
    known(world, unless_delivered=(STEP,))
    world.bus.down = True
    with pytest.raises(BusUnavailable):
        listener.hear([said(UNDELIVERABLE)])
    assert len(world.outbox.queue) == 1


def test_an_end_that_another_function_is_telling_is_left_to_it(world: World, listener: Listener) -> None:
    known(world)
    world.records.end("m1", State.DELIVERED, None, world.clock.now() - timedelta(seconds=5))
    listener.hear([said(DELIVERED)])
    assert not world.telemetry.reports
    world.clock.advance(60)
    listener.hear([said(DELIVERED)])
    assert len(world.telemetry.reports) == 1


def test_what_was_told_before_time_ran_out_is_not_told_again(world: World, listener: Listener) -> None:
    ends = [said(DELIVERED, f"m{number}") for number in range(30)]
    for end in ends:
        known(world, end.message_id)
    marked = world.records.mark_told

    def slow(message_id: str) -> None:
        marked(message_id)
        world.clock.remaining -= 1

    world.records.mark_told = slow  # type: ignore[method-assign]  # time passes in this test only
    with pytest.raises(NoTimeLeft):
        listener.hear(ends)
    told = len(world.telemetry.reports)
    assert 0 < told < 30
    world.clock.remaining = 60.0
    world.clock.advance(61)
    listener.hear(ends)
    assert len(world.telemetry.reports) == 30


def test_time_to_delivery_counts_from_when_omni_took_a_message_whose_answer_was_lost(
    world: World, listener: Listener
) -> None:
    known(world)
    sent_at, done_at = (world.clock.now() - timedelta(seconds=ago) for ago in (30, 10))
    listener.hear([said(DELIVERED, sentAt=sent_at.isoformat(), doneAt=done_at.isoformat())])
    assert world.telemetry.reports[0]["seconds"] == 20.0


def test_an_end_that_cannot_be_recorded_is_refused(world: World, listener: Listener) -> None:
    known(world)
    world.records.down = True

    with pytest.raises(RecordsUnavailable):
        listener.hear([said(DELIVERED)])
    assert not world.bus.events


def test_thousands_of_results_are_told_once_each(world: World, listener: Listener) -> None:
    for number in range(2_000):
        known(world, f"m{number}")

    listener.hear([said(DELIVERED, f"m{number}") for number in range(2_000)])

    assert {detail["id"] for _, detail in world.bus.events} == world.records.records.keys()
    assert counted(world) == {"MessagesDelivered": 2_000}


@pytest.mark.parametrize("log", [Log(status=None, message_id="m1"), Log.from_wire({"status": DELIVERED})])
def test_an_entry_without_message_or_status_says_nothing(log: Log) -> None:
    assert heard_of(log) is None
