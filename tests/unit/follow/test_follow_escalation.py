"""A message that is not delivered in time goes on to the next person, once, whatever fails and whatever is repeated."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omni.errors import ServerError, Throttled
from omni.models import Log, Status
from relay.follow.escalation import DOUBT_SECONDS
from relay.model.events import Event
from relay.model.items import QueueItem, Reason
from relay.model.records import Record, State
from relay.ports import BreakerOpen, QueueUnavailable
from relay.problems import Unavailable
from tests.support.fakes import BLOCKLISTED, NEW_GROUP, World

FIRST, SECOND, THIRD = "41793026727", "41793026731", "41793026735"
WITHIN = 300
STEP = {"within": "5m", "to": [{"phone": f"+{SECOND}"}], "text": "Nobody has it yet"}
DELIVERED, FAILED, REJECTED = 3, 2, 5


def a_route(*phones: str, steps: Any = STEP, **fields: Any) -> dict[str, Any]:
    to = [{"phone": f"+{phone}"} for phone in phones]
    return {"scenario": "incident", "to": to, "text": "disk is full", "unless_delivered": steps, **fields}


class Run:
    """A world whose queue is worked on as time passes."""

    def __init__(self, route: dict[str, Any], delivery: str = "direct", limit: int = 100) -> None:
        self.world = World(limit)
        self.source = self.world.add_source("ci", {"all": route}, delivery=delivery)
        self.waiting: list[tuple[datetime, int, str]] = []

    def relay(self, identity: str = "e1") -> Any:
        body = {"name": "disk"}
        event = Event(source="ci", id=identity, headers={}, body=body, received_at=datetime.now(UTC))
        return self.world.relayer.relay(event, self.source)

    def pass_time(self, seconds: float) -> None:
        """Works on all that becomes visible in these seconds, each at its time."""
        end = self.world.clock.time + timedelta(seconds=seconds)
        while (entry := self._next(end)) is not None:
            at, receives, body = entry
            self.world.clock.time = max(at, self.world.clock.time)
            again = self.world.deliverer.deliver(body, receives + 1)
            if again is not None:
                self.waiting.append((self.world.clock.time + timedelta(seconds=again), receives + 1, body))
        self.world.clock.time = end

    def _next(self, end: datetime) -> tuple[datetime, int, str] | None:
        for item, delay in self.world.outbox.queue:
            visible = self.world.clock.time + timedelta(seconds=min(delay, 900))
            self.waiting.append((visible, 0, item.model_dump_json(by_alias=True, exclude_none=True)))
        self.world.outbox.queue.clear()
        self.waiting.sort(key=lambda entry: entry[0])
        return self.waiting.pop(0) if self.waiting and self.waiting[0][0] <= end else None

    @property
    def told(self) -> list[str]:
        """The phones that OMNI took a message for, in order."""
        return list(self.world.omni.accepted.values())

    def id_of(self, phone: str) -> str:
        return next(message_id for message_id, to in self.world.omni.accepted.items() if to == phone)

    def omni_logs(self, phone: str, group: int) -> None:
        status = Status(group_id=group, name="ANY")
        self.world.omni.logged.append(Log(message_id=self.id_of(phone), status=status))

    def record(self, phone: str, state: State) -> None:
        """Records a message as it is once its report has come."""
        record = Record(
            message_id=self.id_of(phone),
            event_id="e1",
            source="ci",
            route="all",
            scenario="incident",
            dispatch_id="d",
            to={},
            attempt=1,
            at=self.world.clock.now(),
            state=state,
        )
        self.world.records.records[record.message_id] = record

    def queued_from_now(self) -> list[QueueItem]:
        """Returns a list that grows by each item that is queued from now on."""
        queued: list[QueueItem] = []
        enqueue = self.world.outbox.enqueue

        def counting(item: QueueItem, delay: int = 0) -> None:
            enqueue(item, delay)
            queued.append(item)

        self.world.outbox.enqueue = counting  # type: ignore[method-assign]  # only this test's queue counts
        return queued

    @property
    def escalations(self) -> list[dict[str, Any]]:
        return [fields for _, line, fields in self.world.telemetry.lines if line == "escalated"]


@pytest.fixture(params=["direct", "queued"])
def run(request: pytest.FixtureRequest) -> Run:
    made = Run(a_route(FIRST), request.param)
    made.relay()
    return made


def test_a_silent_message_goes_on_to_the_next_person_when_its_time_is_over(run: Run) -> None:
    run.pass_time(WITHIN - 1)
    assert run.told == [FIRST]
    run.pass_time(2)
    assert run.told == [FIRST, SECOND]
    assert run.world.sent_texts == ["disk is full", "Nobody has it yet"]


def test_an_escalation_is_logged_counted_and_published_once(run: Run) -> None:
    run.pass_time(2 * WITHIN)
    [line] = run.escalations
    first = run.id_of(FIRST)
    assert (line["event_id"], line["source"], line["route"], line["message_id"]) == ("e1", "ci", "all", first)
    assert line["dispatch_ids"] == [run.world.omni.requests[-1].bulk_id]
    assert run.world.telemetry.counts["Escalations"] == 1
    assert run.world.bus.events == [("escalated", line)]


@pytest.mark.parametrize("tell", [Run.record, Run.omni_logs])
def test_a_message_that_was_delivered_in_time_never_goes_on(run: Run, tell: Callable[[Run, str, Any], None]) -> None:
    run.pass_time(10)
    tell(run, FIRST, State.DELIVERED if tell is Run.record else DELIVERED)
    run.pass_time(2 * WITHIN)
    assert run.told == [FIRST]
    assert not run.escalations


def test_a_delivered_report_that_comes_later_changes_nothing(run: Run) -> None:
    run.pass_time(WITHIN + 1)
    run.record(FIRST, State.DELIVERED)
    run.pass_time(WITHIN)
    assert run.told == [FIRST, SECOND]


@pytest.mark.parametrize("state", [State.UNDELIVERED, State.EXPIRED, State.REJECTED, State.UNREPORTED])
def test_a_failed_message_goes_on_at_once_and_not_again_when_its_time_is_over(run: Run, state: State) -> None:
    run.pass_time(10)
    run.record(FIRST, state)
    [watch] = [QueueItem.model_validate_json(body) for _, _, body in run.waiting]
    for _ in range(3):  # OMNI repeats its report
        due_now = QueueItem(watch=watch.watch, first_attempt_at=run.world.clock.now())
        run.world.outbox.enqueue(due_now)
    run.pass_time(1)
    assert run.told == [FIRST, SECOND]
    run.pass_time(2 * WITHIN)
    assert run.told == [FIRST, SECOND]
    assert [line["state"] for line in run.escalations] == [state]


def test_a_message_that_omni_refuses_goes_on_at_once() -> None:
    run = Run(a_route(FIRST, THIRD))
    run.world.omni.statuses[FIRST] = BLOCKLISTED
    run.relay()
    run.pass_time(1)
    assert run.told == [THIRD, SECOND]
    run.omni_logs(THIRD, DELIVERED)
    run.pass_time(2 * WITHIN)
    assert run.told == [THIRD, SECOND]


def test_an_unknown_status_may_mean_that_omni_took_it_so_its_time_is_awaited() -> None:
    run = Run(a_route(FIRST))
    run.world.omni.statuses[FIRST] = NEW_GROUP
    run.relay()
    run.pass_time(WITHIN - 1)
    assert run.told == []
    run.pass_time(2)
    assert run.told == [SECOND]


def test_a_message_that_is_still_in_the_queue_goes_on_too() -> None:
    run = Run(a_route(FIRST))
    run.world.omni.failures = [Throttled(429, retry_after=3600)]
    run.relay()
    run.pass_time(WITHIN + 1)
    assert run.told == [SECOND]
    assert [line["state"] for line in run.escalations] == ["unknown"]
    run.pass_time(3600)
    assert run.told == [SECOND, FIRST]


def test_each_message_that_is_not_delivered_goes_on_by_itself() -> None:
    run = Run(a_route(FIRST, THIRD))
    run.relay()
    run.omni_logs(FIRST, DELIVERED)
    run.omni_logs(THIRD, FAILED)
    run.pass_time(WITHIN + 1)
    assert run.told == [FIRST, THIRD, SECOND]
    assert [line["message_id"] for line in run.escalations] == [run.id_of(THIRD)]


TWO_STEPS = [STEP, {"within": "10m", "to": [{"phone": f"+{THIRD}"}], "scenario": "incident"}]


def test_a_list_tries_its_steps_in_order() -> None:
    run = Run(a_route(FIRST, steps=TWO_STEPS))
    run.relay()
    run.pass_time(WITHIN + 1)
    assert run.told == [FIRST, SECOND]
    run.pass_time(598)
    assert run.told == [FIRST, SECOND]
    run.pass_time(2)
    assert run.told == [FIRST, SECOND, THIRD]
    run.pass_time(100_000)
    assert run.told == [FIRST, SECOND, THIRD]
    assert run.world.sent_texts == ["disk is full", "Nobody has it yet", "disk is full"]


def test_a_list_ends_where_a_step_was_delivered() -> None:
    run = Run(a_route(FIRST, steps=TWO_STEPS))
    run.relay()
    run.pass_time(WITHIN + 1)
    run.omni_logs(SECOND, DELIVERED)
    run.pass_time(100_000)
    assert run.told == [FIRST, SECOND]


def test_a_copy_of_the_event_makes_no_second_watch(run: Run) -> None:
    run.relay()
    watches = [item for item, _ in run.world.outbox.queue if item.watch]
    assert len(watches) == 1
    run.pass_time(100_000)
    assert run.told == [FIRST, SECOND]


def test_a_step_says_what_it_was_rendered_to_and_the_rest_is_the_routes_own() -> None:
    step = {"within": "90s", "text": "{{ body.name }} again"}
    run = Run(a_route(FIRST, steps=step, subject="{{ body.name }}", text="{{ body.name }} is full"))
    run.relay()
    run.pass_time(91)
    first, second = run.world.omni.requests
    assert (first.text, second.text) == ("disk is full", "disk again")
    assert first.mail_subject == second.mail_subject == "disk"
    assert first.destinations[0].to == second.destinations[0].to
    assert first.destinations[0].message_id != second.destinations[0].message_id


def test_dispatches_of_routes_without_it_keep_their_ids() -> None:
    plain, watched = (Run(a_route(FIRST, steps=steps)) for steps in (None, STEP))
    for each in (plain, watched):
        each.relay()
    assert plain.world.omni.requests[0] == watched.world.omni.requests[0]
    assert not plain.world.outbox.queue
    assert plain.world.omni.requests[0].bulk_id == "0c8c915c-52fd-5522-b9de-54a40502023e"  # as in 0.1.0


# What fails at the worst moment.


def test_nothing_is_acknowledged_while_the_watch_can_not_be_stored() -> None:
    run = Run(a_route(FIRST))
    run.world.outbox.down = True
    with pytest.raises(Unavailable):
        run.relay()
    assert run.told == [FIRST]  # a phone rings even so
    run.world.outbox.down = False
    assert run.relay().duplicate
    run.pass_time(WITHIN + 1)
    assert run.told == [FIRST, SECOND]


def test_without_the_ledger_the_watch_is_stored_and_the_escalation_waits_for_it() -> None:
    run = Run(a_route(FIRST), "queued")
    run.world.ledger.down = True
    run.relay()
    run.pass_time(WITHIN + 60)
    assert run.told == []
    run.world.ledger.down = False
    run.pass_time(4000)
    assert sorted(run.told) == [FIRST, SECOND]
    assert len(run.escalations) == 1


def test_while_the_queue_is_down_the_escalation_waits_for_it(run: Run) -> None:
    run.pass_time(WITHIN - 1)
    run.world.outbox.down = True
    run.pass_time(30)
    assert (run.told, run.escalations) == ([FIRST], [])
    run.world.outbox.down = False
    run.pass_time(10)
    assert run.told == [FIRST, SECOND]
    assert len(run.escalations) == 1


def test_nobody_waits_for_a_bus_that_fails() -> None:
    run = Run(a_route(FIRST, THIRD))
    run.relay()
    run.world.bus.down = True
    run.pass_time(WITHIN + 1000)
    assert run.told == [FIRST, THIRD, SECOND, SECOND]  # once for each of the two messages
    assert [line[1] for line in run.world.telemetry.lines].count("event_not_published") == 2
    run.world.bus.down = False
    run.pass_time(4000)
    assert len(run.told) == 4
    assert len(run.escalations) == run.world.telemetry.counts["Escalations"] == 2


@pytest.mark.parametrize(
    "groups", [(DELIVERED, REJECTED), (REJECTED, DELIVERED), (DELIVERED, FAILED), (FAILED, DELIVERED)]
)
def test_one_delivery_among_several_entries_of_the_logs_cancels_the_escalation(
    run: Run, groups: tuple[int, int]
) -> None:
    run.pass_time(1)
    for group in groups:
        run.omni_logs(FIRST, group)
    run.pass_time(WITHIN + 1000)
    assert run.told == [FIRST]


@pytest.mark.parametrize("failed_write", [1, 2, 3])
def test_a_function_that_dies_while_it_escalates_sends_each_message_once(failed_write: int) -> None:
    run = Run(a_route(FIRST, steps=TWO_STEPS))
    run.relay()
    run.pass_time(WITHIN - 1)
    enqueue, writes = run.world.outbox.enqueue, iter(range(1, 100))

    def dying(item: QueueItem, delay: int = 0) -> None:
        enqueue(item, delay)
        if next(writes) == failed_write:  # the queue has it, but the function died before the ledger knew
            raise QueueUnavailable

    run.world.outbox.enqueue = dying  # type: ignore[method-assign]  # only this test's queue fails
    run.pass_time(100_000)
    assert run.told == [FIRST, SECOND, THIRD]
    assert len(run.escalations) == 2


def test_a_function_that_runs_out_of_time_leaves_the_other_messages_for_the_next_one() -> None:
    run = Run(a_route(FIRST, THIRD))
    run.relay()
    run.pass_time(WITHIN - 1)
    enqueue = run.world.outbox.enqueue

    def slow(item: QueueItem, delay: int = 0) -> None:
        enqueue(item, delay)
        run.world.clock.remaining = 2.5

    run.world.outbox.enqueue = slow  # type: ignore[method-assign]  # only this test's queue is slow
    run.pass_time(10)
    assert len(run.escalations) == 1
    run.world.clock.remaining, run.world.outbox.enqueue = 20, enqueue  # type: ignore[method-assign]  # as it was
    run.pass_time(4000)
    assert len(run.escalations) == 2
    assert run.told == [FIRST, THIRD, SECOND, SECOND]


def test_while_another_copy_escalates_it_the_watch_waits(run: Run) -> None:
    run.pass_time(1)
    run.world.ledger.held.add(("escalate", run.id_of(FIRST)))
    run.pass_time(WITHIN + 30)
    assert run.told == [FIRST]
    run.world.ledger.held.clear()
    run.pass_time(20)
    assert run.told == [FIRST, SECOND]


def test_without_the_records_omnis_logs_decide_that_a_message_was_delivered(run: Run) -> None:
    run.pass_time(1)
    run.omni_logs(FIRST, DELIVERED)
    run.world.records.down = True
    run.pass_time(2 * WITHIN)
    assert run.told == [FIRST]


@pytest.mark.parametrize("failure", [ServerError(500), Throttled(429), BreakerOpen()])
def test_without_omnis_logs_an_escalation_waits_for_them(run: Run, failure: Exception) -> None:
    run.pass_time(WITHIN - 1)
    run.omni_logs(FIRST, DELIVERED)
    run.world.omni.failures = [failure] * 3
    run.pass_time(2 * WITHIN)
    assert run.told == [FIRST]


def test_what_stays_in_doubt_for_five_minutes_goes_on(run: Run) -> None:
    run.pass_time(WITHIN - 1)
    run.world.records.down = True
    run.pass_time(DOUBT_SECONDS)
    assert run.told == [FIRST]
    run.pass_time(30)
    assert run.told == [FIRST, SECOND]


def test_a_watch_that_can_not_be_worked_on_for_a_day_is_parked_and_a_replay_works_on_it(run: Run) -> None:
    run.pass_time(WITHIN - 1)
    run.world.ledger.down = True
    run.pass_time(200_000)
    [parked] = run.world.outbox.parked
    assert (parked.reason, parked.source) == (Reason.ATTEMPTS_EXHAUSTED, "ci")
    run.world.ledger.down = False
    replayed = parked.replayed(run.world.clock.now())
    assert replayed
    assert replayed.watch
    run.world.outbox.enqueue(replayed)
    run.pass_time(10)
    assert run.told == [FIRST, SECOND]
    assert len(run.escalations) == 1


def test_a_refused_message_that_is_replayed_is_not_escalated_again() -> None:
    run = Run(a_route(FIRST))
    run.world.omni.statuses[FIRST] = BLOCKLISTED
    run.relay()
    run.pass_time(2 * WITHIN)
    [parked] = run.world.outbox.parked
    replayed = parked.replayed(run.world.clock.now())
    assert replayed
    run.world.outbox.enqueue(replayed)
    run.pass_time(2 * WITHIN)
    assert run.told == [SECOND]
    assert len(run.escalations) == 1


def test_with_delivery_reports_off_the_route_parks_the_event() -> None:
    run = Run(a_route(FIRST))
    run.world.follows = False
    outcome = run.relay()
    assert outcome.name == "parked"
    assert "route all: unless_delivered: expected the stack's DeliveryReports to be pull or push" in outcome.parked[0]
    assert run.told == []


def test_a_step_that_can_not_be_rendered_is_named() -> None:
    run = Run(a_route(FIRST, steps=[STEP, {"within": "5m", "text": "{{ body.missing.field }}"}]))
    [reason] = run.relay().parked
    assert "unless_delivered[1].text" in reason


def test_the_steps_recipients_count_for_the_limit_of_an_event() -> None:
    many = [{"email": f"p{n}@example.com"} for n in range(80)]
    run = Run(a_route(FIRST, steps=[{"within": "5m", "to": many}, {"within": "5m", "to": many}]))
    [reason] = run.relay().parked
    assert "more than 5000 destinations" in reason


def test_a_steps_scenario_without_a_key_is_found_before_anything_is_sent() -> None:
    run = Run(a_route(FIRST, steps=STEP | {"scenario": "wake-up-call"}))
    [reason] = run.relay().parked
    assert "no key is configured for wake-up-call" in reason
    assert run.told == []


def test_a_watch_of_hundreds_asks_omni_in_parts_and_keeps_what_it_learned() -> None:
    run = Run(a_route(*(str(41790000000 + n) for n in range(150))), limit=500)
    run.relay()
    for phone in run.told:
        run.omni_logs(phone, DELIVERED)
    asked: list[int] = []
    logs = run.world.omni.logs

    def seen(**query: Any) -> Any:
        asked.append(len(query["message_ids"]))
        return logs(**query)

    run.world.omni.logs = seen  # type: ignore[method-assign]  # only this test's OMNI counts
    run.pass_time(WITHIN + 1)
    assert asked == [100, 50]
    assert len(run.told) == 150
