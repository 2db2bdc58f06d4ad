"""The pull asks for young messages often and for old ones rarely, many at once, and ends every message."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omni.errors import Throttled
from omni.models import Log
from omni.models import Report as OmniReport
from relay.follow.pulling import BULKS, IDS, Puller, is_due, reach
from relay.follow.reports import Listener
from relay.model.records import Record, State
from relay.ports import BreakerOpen, BusUnavailable
from tests.support.fakes import DUPLICATE, NO_CREDIT, World
from tests.unit.follow.test_follow_reports import DELIVERED, PENDING, UNDELIVERABLE


@pytest.fixture
def world() -> World:
    world = World()
    world.clock.remaining = 50.0
    return world


def puller(world: World, *, takes_reports: bool = True) -> Puller:
    listener = Listener(
        world.records, world.outbox, world.bus, world.telemetry, world.clock.now, lambda: world.clock.remaining
    )
    return Puller(
        records=world.records,
        omni=world.omni,
        listener=listener,
        telemetry=world.telemetry,
        now=world.clock.now,
        remaining=lambda: world.clock.remaining,
        call_seconds=8.0,
        takes_reports=takes_reports,
    )


def pull(world: World, **options: Any) -> int:
    """Pulls at a time at which messages of every age are due."""
    return puller(world, **options).pull(world.clock.now())


def known(world: World, message_id: str, *, age: float = 60, dispatch: str = "") -> None:
    record = Record(
        message_id=message_id,
        event_id="e1",
        source="ci",
        route="all",
        scenario="incident",
        dispatch_id=dispatch or f"d-{message_id}",
        to={},
        attempt=1,
        at=world.clock.now() - timedelta(seconds=age),
        state=State.SENT,
    )
    world.records.put([record])


def logged(world: World, message_id: str, status: dict[str, Any], bulk_id: str | None = None) -> None:
    wire = {"messageId": message_id, "bulkId": bulk_id or f"d-{message_id}", "status": status, "channel": "SMS"}
    world.omni.logged.append(Log.from_wire(wire))


def state(world: World, message_id: str) -> State:
    return world.records.records[message_id].state


@pytest.mark.parametrize(
    ("hours", "minutes"),
    [(0, 1), (0.16, 1), (0.17, 5), (0.9, 5), (1, 30), (5.9, 30), (6, 180), (44.9, 180), (45, 30), (60, 30)],
)
def test_the_older_a_message_the_more_rarely_it_is_asked_for_until_the_logs_forget_it(
    hours: float, minutes: int
) -> None:
    runs = [datetime.fromtimestamp(minute * 60 + 5, UTC) for minute in range(720)]
    age = timedelta(hours=hours)
    assert sum(is_due(age, at) and age <= reach(at) for at in runs) == 720 / minutes


def test_each_message_is_asked_for_at_some_minute_of_three_hours() -> None:
    assert max(reach(datetime.fromtimestamp(minute * 60, UTC)) for minute in range(180)) > timedelta(days=30)


def test_an_old_message_waits_for_its_minute(world: World) -> None:
    known(world, "m1", age=1_800)
    logged(world, "m1", DELIVERED)
    at = world.clock.now()

    assert puller(world).pull(at + timedelta(minutes=1)) == 0
    assert puller(world).pull(at + timedelta(minutes=5)) == 1
    assert state(world, "m1") is State.DELIVERED


def test_nothing_open_asks_nothing(world: World) -> None:
    assert pull(world) == 0
    assert world.omni.deadlines == []


def test_what_is_on_its_way_is_asked_for_again(world: World) -> None:
    known(world, "m1")
    logged(world, "m1", PENDING)

    assert pull(world) == pull(world) == 1
    assert state(world, "m1") is State.SENT
    assert not world.telemetry.reports


def test_a_message_that_ended_is_told_once_and_asked_for_no_more(world: World) -> None:
    known(world, "m1")
    logged(world, "m1", DELIVERED)

    assert (pull(world), pull(world)) == (1, 0)
    assert [line["channel"] for line in world.telemetry.reports] == ["SMS"]


def test_messages_alone_in_their_dispatch_are_asked_for_by_a_hundred_ids_at_once(world: World) -> None:
    for number in range(BULKS):
        known(world, f"m{number}")
        logged(world, f"m{number}", DELIVERED, bulk_id="a bulk of OMNI's own")

    pull(world)

    assert len(world.omni.deadlines) == 1
    assert {record.state for record in world.records.records.values()} == {State.DELIVERED}


def test_messages_of_one_dispatch_are_asked_for_by_its_bulk(world: World) -> None:
    for number in range(IDS + 1):
        known(world, f"m{number}", dispatch="d1")
        logged(world, f"m{number}", DELIVERED, bulk_id="d1")

    pull(world)

    assert len(world.omni.deadlines) == 1
    assert {record.state for record in world.records.records.values()} == {State.DELIVERED}


@pytest.mark.parametrize("first", [True, False])
def test_a_rejected_copy_is_no_end(world: World, first: bool) -> None:
    known(world, "m1")
    copies = [DELIVERED, DUPLICATE] if first else [DUPLICATE, DELIVERED]
    for status in copies:
        logged(world, "m1", status)

    pull(world)

    assert state(world, "m1") is State.DELIVERED


@pytest.mark.parametrize("status", [DUPLICATE, NO_CREDIT])
def test_what_the_relay_sends_again_has_not_ended(world: World, status: dict[str, Any]) -> None:
    known(world, "m1")
    logged(world, "m1", status)

    pull(world)

    assert state(world, "m1") is State.SENT


def test_what_one_answer_says_is_kept_when_the_next_call_fails(world: World) -> None:
    for number in range(IDS + 1):
        known(world, f"m{number}")
        logged(world, f"m{number}", DELIVERED)
    logs = world.omni.logs

    def failing_at_the_second_call(**asked: Any) -> Any:
        if world.omni.deadlines:
            raise BreakerOpen
        return logs(**asked)

    world.omni.logs = failing_at_the_second_call  # type: ignore[method-assign]  # only this test's logs fail
    pull(world)

    ended = [record for record in world.records.records.values() if record.state is State.DELIVERED]
    assert len(ended) >= BULKS


def test_while_omni_refuses_only_what_no_answer_can_tell_of_ends(world: World) -> None:
    for number in range(BULKS * 2):
        known(world, f"lost{number}", age=51 * 3600 + 1)
    known(world, "old", age=51 * 3600 - 1)
    world.omni.failures.append(Throttled(403))

    pull(world)

    ends = Counter(record.state for record in world.records.records.values())
    assert ends == {State.UNREPORTED: BULKS * 2, State.SENT: 1}


def test_a_bus_that_fails_keeps_no_message_from_its_end(world: World) -> None:
    for number in range(BULKS * 2):
        known(world, f"m{number}")
        logged(world, f"m{number}", DELIVERED)
    world.bus.down = True

    with pytest.raises(BusUnavailable):
        pull(world)
    assert {record.state for record in world.records.records.values()} == {State.DELIVERED}
    assert not world.telemetry.reports

    world.clock.advance(3_601)
    pull(world)
    assert len(world.telemetry.reports) == BULKS * 2
    assert {line[1] for line in world.telemetry.lines} == {"event_not_published"}


def test_the_ids_of_one_call_make_no_endless_url(world: World) -> None:
    for number in range(IDS * 2 + 1):
        known(world, f"m{number}", dispatch="d1")

    pull(world)

    assert len(world.omni.deadlines) == 1 + 3


def test_a_message_without_an_end_after_48_hours_is_unreported(world: World) -> None:
    known(world, "old", age=48 * 3600 + 1)
    known(world, "young", age=48 * 3600 - 1)

    pull(world)

    assert (state(world, "old"), state(world, "young")) == (State.UNREPORTED, State.SENT)
    assert world.telemetry.counts["MessagesUnreported"] == 1


def test_an_end_that_omni_logged_at_last_counts_more_than_the_age(world: World) -> None:
    known(world, "old", age=48 * 3600 + 60)
    logged(world, "old", DELIVERED)

    pull(world)

    assert state(world, "old") is State.DELIVERED


def test_the_error_of_a_failed_message_comes_from_the_reports_of_its_bulk_only(world: World) -> None:
    known(world, "m1")
    logged(world, "m1", UNDELIVERABLE)
    error = {"groupId": 1, "id": 1, "name": "EC_UNKNOWN_SUBSCRIBER", "permanent": True}
    for bulk in ("d-m1", "another system's"):
        wire = {"messageId": "m1", "bulkId": bulk, "status": UNDELIVERABLE, "error": error}
        world.omni.reported.append(OmniReport.from_wire(wire))

    pull(world)

    assert world.telemetry.reports[0]["error"]["name"] == "EC_UNKNOWN_SUBSCRIBER"
    assert [report.bulk_id for report in world.omni.reported] == ["another system's"]


def test_where_omni_pushes_its_reports_are_left_alone(world: World) -> None:
    known(world, "m1")
    logged(world, "m1", UNDELIVERABLE)
    world.omni.reported.append(OmniReport.from_wire({"messageId": "m1", "bulkId": "d-m1", "status": UNDELIVERABLE}))

    pull(world, takes_reports=False)

    assert state(world, "m1") is State.UNDELIVERED
    assert len(world.omni.reported) == 1


@pytest.mark.parametrize("failure", [Throttled(429), BreakerOpen()])
def test_a_refusal_of_omni_ends_the_run_and_loses_nothing(world: World, failure: Exception) -> None:
    known(world, "m1")
    logged(world, "m1", DELIVERED)
    world.omni.failures.append(failure)

    pull(world)
    assert state(world, "m1") is State.SENT
    assert [line[1] for line in world.telemetry.lines] == ["pull_cut_short"]

    pull(world)
    assert state(world, "m1") is State.DELIVERED


def test_a_run_ends_in_time(world: World) -> None:
    known(world, "m1")
    world.clock.remaining = 20.0

    assert pull(world) == 0
    assert world.omni.deadlines == []
    assert [line[1] for line in world.telemetry.lines] == ["pull_cut_short"]


def test_an_end_that_was_recorded_and_not_told_is_told_by_the_next_pull(world: World) -> None:
    known(world, "m1")
    logged(world, "m1", DELIVERED)
    world.records.end("m1", State.DELIVERED, None, world.clock.now() - timedelta(seconds=5))  # and it was killed
    pull(world)
    assert not world.bus.events  # it might still be at work

    world.clock.advance(61)
    pull(world)

    assert [kind for kind, _ in world.bus.events] == ["message.delivered"]
    assert world.records.records["m1"].told
