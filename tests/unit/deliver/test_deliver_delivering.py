"""A queue item is sent, tried again later, or parked. A parked item can be replayed."""

from datetime import UTC, datetime

import pytest

from omni.errors import BadRequest, ServerError, Throttled, Unauthorized
from relay.model.events import Event
from relay.model.items import QueueItem, Reason
from relay.ports import ConfigurationUnavailable
from tests.support.fakes import BLOCKLISTED, NO_CREDIT, World

ONE = "41793026727"
ROUTE = {"scenario": "incident", "to": [{"phone": f"+{ONE}"}], "text": "hello"}


@pytest.fixture
def world():
    return World()


@pytest.fixture
def queued(world):
    """Gives the body of one queued dispatch."""
    source = world.add_source("ci", {"all": ROUTE}, delivery="queued")
    world.relayer.relay(Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC)), source)
    return _take(world)


def _take(world):
    item, _ = world.outbox.queue.pop(0)
    return item.model_dump_json(by_alias=True)


def deliver(world, body, receives=1):
    return world.deliverer.deliver(body, receives)


def test_a_queued_dispatch_is_sent(world, queued):
    assert deliver(world, queued) is None
    assert len(world.omni.accepted) == 1


def test_a_second_delivery_of_a_dispatch_sends_nothing(world, queued):
    deliver(world, queued)
    assert deliver(world, queued) is None
    assert len(world.omni.requests) == 1


@pytest.mark.parametrize(
    ("failure", "age", "longest"),
    [(ServerError(500), 0, 5), (ServerError(500), 5, 60), (ServerError(500), 70, 3600), (Unauthorized(401), 70, 900)],
)
def test_a_failed_attempt_is_postponed_within_the_bound_for_its_age(world, queued, failure, age, longest):
    world.omni.failures = [failure]
    world.clock.advance(age)
    delay = deliver(world, queued)
    assert 1 <= delay <= longest


def test_many_receipts_alone_do_not_lengthen_the_delay(world, queued):
    world.omni.failures = [ServerError(500)]
    assert deliver(world, queued, receives=50) <= 5


@pytest.mark.parametrize("wait", [1, 900, 901, 4000])
def test_only_receipts_that_send_are_counted_as_attempts(world, wait):
    source = world.add_source("ci", {"all": ROUTE})
    world.omni.failures = [Throttled(429, retry_after=wait), Throttled(429)]
    world.relayer.relay(Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC)), source)
    [(item, delay)] = world.outbox.queue
    world.clock.advance(min(delay, 900))  # the most that SQS delays a new message
    body, receives = item.model_dump_json(by_alias=True), 0
    while seconds := deliver(world, body, receives := receives + 1):
        world.clock.advance(seconds)
    assert [line["attempt"] for line in world.telemetry.statuses] == [1, 2, 3]


def test_a_retry_after_beyond_the_longest_delay_of_the_queue_is_kept(world):
    source = world.add_source("ci", {"all": ROUTE})
    world.omni.failures = [Throttled(429, retry_after=7200)]
    world.relayer.relay(Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC)), source)
    body = _take(world)
    world.clock.advance(900)  # the most that SQS delays a new message
    assert deliver(world, body) >= 6299
    assert len(world.omni.requests) == 1
    world.clock.advance(6300)
    assert deliver(world, body) is None


def test_retry_after_is_the_least_delay(world, queued):
    world.omni.failures = [Throttled(429, retry_after=1800)]
    assert deliver(world, queued) >= 1800


def test_a_dispatch_older_than_the_retry_table_is_parked_with_its_attempts(world, queued):
    world.omni.failures = [ServerError(500)]
    world.clock.advance(5 + 60 + 3600 + 1)
    assert deliver(world, queued, receives=7) is None
    [parked] = world.outbox.parked
    assert parked.reason is Reason.ATTEMPTS_EXHAUSTED
    assert parked.attempts == 7
    assert (parked.last_attempt_at - parked.first_attempt_at).total_seconds() > 3600


def test_a_dispatch_whose_account_stays_blocked_is_parked_for_that_reason(world, queued):
    world.omni.failures = [Unauthorized(401)]
    world.clock.advance(900 + 3600 + 1)
    deliver(world, queued)
    assert world.outbox.parked[0].reason is Reason.ACCOUNT_BLOCKED


TWO = "41793026728"


def test_a_part_that_is_too_old_is_parked_and_its_line_says_so(world):
    source = world.add_source("ci", {"all": ROUTE | {"to": [{"phone": f"+{ONE}"}, {"phone": f"+{TWO}"}]}})
    event = Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC))
    world.relayer.relay(event, source, delivery="queued")
    world.omni.statuses[TWO] = NO_CREDIT
    world.clock.advance(10_000)
    assert deliver(world, _take(world)) is None
    assert not world.outbox.queue
    [parked] = world.outbox.parked
    assert (parked.reason, [m.phone for m in parked.dispatch.messages]) == (Reason.ACCOUNT_BLOCKED, [TWO])
    lines = [(line["outcome"], line["cause"], line["status"]["id"]) for line in world.telemetry.statuses]
    assert lines == [("sent", None, 7), ("parked", "account_blocked", 12)]
    answer = world.relayer.relay(event, source)
    assert answer.name == "parked"
    assert answer.parked == ["account_blocked: REJECTED_NOT_ENOUGH_CREDITS"]


def test_an_event_whose_dispatch_was_given_up_can_be_redelivered(world, queued):
    world.omni.failures = [ServerError(500)]
    world.clock.advance(10_000)
    deliver(world, queued)
    event = Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC))
    again = world.relayer.relay(event, world.configuration.sources["ci"])
    assert not again.duplicate
    assert deliver(world, _take(world)) is None
    assert len(world.omni.accepted) == 1


def test_a_refused_request_is_parked_at_once(world, queued):
    world.omni.failures = [BadRequest(400)]
    assert deliver(world, queued) is None
    assert world.outbox.parked[0].reason is Reason.REQUEST_REFUSED


def test_an_item_that_can_not_be_parked_stays_on_the_queue(world, queued):
    world.omni.failures = [BadRequest(400)]
    world.outbox.down = True
    assert deliver(world, queued) is not None


def test_without_the_ledger_a_dispatch_waits_and_is_not_sent(world, queued):
    world.ledger.down = True
    assert deliver(world, queued) is not None
    assert not world.omni.requests


def test_a_copy_that_another_function_is_sending_waits(world, queued):
    dispatch = QueueItem.model_validate_json(queued).dispatch
    assert dispatch
    world.ledger.held = {("send", dispatch.id)}
    assert deliver(world, queued, receives=3) is None
    [(waiting, delay)] = world.outbox.queue
    assert (waiting.dispatch, waiting.attempts) == (dispatch, 2)
    assert delay > 0


def test_a_copy_that_can_not_be_queued_again_stays_on_the_queue(world, queued):
    dispatch = QueueItem.model_validate_json(queued).dispatch
    assert dispatch
    world.ledger.held = {("send", dispatch.id)}
    world.outbox.down = True
    assert deliver(world, queued) is not None


@pytest.mark.parametrize("body", ["", "{}", "null", '{"dispatch": {}}', "\x00", '{"firstAttemptAt": "2026-01-01"}'])
def test_a_malformed_item_is_parked_unchanged(world, body):
    assert deliver(world, body, receives=3) is None
    [parked] = world.outbox.parked
    assert (parked.reason, parked.raw, parked.attempts) == (Reason.MALFORMED_ITEM, body, 3)
    assert world.telemetry.lines == [
        ("error", "item_parked", {"reason": "malformed_item", "detail": parked.detail}),
    ]


def _replayed(world):
    item = world.outbox.parked.pop().replayed(world.clock.now())
    return item.model_dump_json(by_alias=True)


def test_a_replayed_dispatch_keeps_the_ids_that_omni_may_know(world, queued):
    world.omni.failures = [ServerError(500)]
    world.clock.advance(10_000)
    deliver(world, queued)
    before = QueueItem.model_validate_json(queued).dispatch
    replayed = _replayed(world)
    assert QueueItem.model_validate_json(replayed).dispatch == before
    assert deliver(world, replayed) is None
    assert len(world.omni.accepted) == 1


def test_a_replayed_refused_message_is_sent_once_under_new_ids(world, queued):
    world.omni.statuses[ONE] = BLOCKLISTED
    deliver(world, queued)
    world.omni.statuses.clear()
    refused = {d.message_id for r in world.omni.requests for d in r.destinations}
    replayed = _replayed(world)
    assert deliver(world, replayed) is None
    assert deliver(world, replayed) is None
    assert len(world.omni.accepted) == 1
    assert not refused & set(world.omni.accepted)


def test_an_event_parked_by_a_broken_template_is_delivered_once_after_the_fix(world):
    broken = world.add_source("ci", {"all": ROUTE | {"text": "{{ body.missing }}"}, "fine": ROUTE | {"text": "fine"}})
    event = Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC))
    world.relayer.relay(event, broken)
    world.add_source("ci", {"all": ROUTE | {"text": "mended"}, "fine": ROUTE | {"text": "fine"}})
    replayed = _replayed(world)
    for body in (replayed, replayed):
        assert deliver(world, body) is None
    while world.outbox.queue:
        assert deliver(world, _take(world)) is None
    assert sorted(world.sent_texts) == ["fine", "mended"]


def test_a_replayed_event_whose_route_is_still_broken_is_parked_again(world):
    broken = world.add_source("ci", {"all": ROUTE | {"text": "{{ body.missing }}"}})
    world.relayer.relay(Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC)), broken)
    assert deliver(world, _replayed(world)) is None
    assert len(world.outbox.parked) == 1


def test_a_replayed_event_of_a_removed_source_is_parked_again(world):
    source = world.add_source("ci", {"all": ROUTE | {"text": "{{ body.missing }}"}})
    world.relayer.relay(Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC)), source)
    world.configuration.sources.clear()
    assert deliver(world, _replayed(world)) is None
    assert "not configured any more" in world.outbox.parked[0].detail
    level, message, facts = world.telemetry.lines[-1]
    assert (level, message, facts["event_id"], facts["source"]) == ("error", "event_parked", "e1", "ci")


def _replayed_event(world):
    event = Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC))
    return QueueItem(event=event, first_attempt_at=world.clock.now()).model_dump_json(by_alias=True)


def test_while_the_configuration_is_unavailable_a_replayed_event_is_retried_and_then_parked(world):
    world.add_source("ci", {"all": ROUTE})
    body = _replayed_event(world)
    world.configuration.failure = ConfigurationUnavailable("ssm")
    assert 1 <= deliver(world, body) <= 5
    world.clock.advance(100)
    assert deliver(world, body) <= 3600
    world.clock.advance(10_000)
    assert deliver(world, body) is None
    assert world.outbox.parked[0].reason is Reason.ATTEMPTS_EXHAUSTED


def test_messages_with_an_unknown_status_are_replayed_under_the_same_ids(world, queued):
    world.omni.statuses[ONE] = {"groupId": 42, "groupName": "NEW", "id": 4242, "name": "NEW_STATUS"}
    deliver(world, queued)
    assert world.outbox.parked[0].reason is Reason.STATUS_UNKNOWN
    world.omni.statuses.clear()
    assert deliver(world, _replayed(world)) is None
    first, second = (request.destinations[0].message_id for request in world.omni.requests)
    assert first == second
