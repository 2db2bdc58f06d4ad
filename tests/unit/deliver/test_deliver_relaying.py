"""An event becomes durable because each of its dispatches is sent, queued or parked once, by itself."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest

from omni.errors import BadRequest, ServerError, Throttled, TransportError, Unauthorized
from relay.deliver import routing
from relay.model.events import Event
from relay.model.items import Reason
from relay.ports import BreakerOpen
from relay.problems import DuplicateInFlight, Unavailable
from tests.support.fakes import BLOCKLISTED, NO_CREDIT, World

ONE = "41793026727"
TWO = "41793026731"


def an_event(identity="e1", body=None):
    return Event(source="ci", id=identity, headers={}, body=body or {}, received_at=datetime.now(UTC))


def a_route(*phones, text="hello", **fields):
    return {"scenario": "incident", "to": [{"phone": f"+{phone}"} for phone in phones], "text": text, **fields}


@pytest.fixture
def world():
    return World()


def test_a_sent_event_answers_with_omnis_statuses(world):
    source = world.add_source("ci", {"all": a_route(ONE, TWO)})
    outcome = world.relayer.relay(an_event(), source)
    assert outcome.name == "sent"
    assert [m["status"]["name"] for m in outcome.messages] == ["PENDING_ENROUTE", "PENDING_ENROUTE"]
    [request] = world.omni.requests
    assert request.scenario_key == "KEY-incident"
    assert {m["bulkId"] for m in outcome.messages} == {request.bulk_id}
    assert {m["outcome"] for m in world.telemetry.statuses} == {"sent"}


def test_a_copy_gets_the_stored_receipt_and_sends_nothing(world):
    source = world.add_source("ci", {"all": a_route(ONE)})
    first = world.relayer.relay(an_event(), source)
    second = world.relayer.relay(an_event(), source)
    assert len(world.omni.requests) == 1
    assert (first.duplicate, second.duplicate) == (False, True)
    assert second.messages == first.messages


def test_another_event_with_the_same_body_is_sent_too(world):
    source = world.add_source("ci", {"all": a_route(ONE)})
    world.relayer.relay(an_event("e1"), source)
    world.relayer.relay(an_event("e2"), source)
    assert len(world.omni.accepted) == 2


def test_ids_depend_on_the_event_and_not_on_chance_or_content(world):
    source = world.add_source("ci", {"all": a_route(ONE)})
    changed = World().add_source("ci", {"all": a_route(ONE, text="another text")})
    other_world = World()
    world.relayer.relay(an_event(), source)
    other_world.relayer.relay(an_event(), changed)
    assert world.omni.requests[0].destinations[0].message_id == other_world.omni.requests[0].destinations[0].message_id


def test_destinations_are_chunked_and_each_chunk_is_a_dispatch():
    world = World(limit=2)
    phones = [f"4179302673{n}" for n in range(5)]
    outcome = world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(*phones)}))
    assert [len(r.destinations) for r in world.omni.requests] == [2, 2, 1]
    assert len({r.bulk_id for r in world.omni.requests}) == 3
    assert len(outcome.messages) == 5


@pytest.mark.parametrize(
    ("failure", "least_delay"),
    [
        (TransportError("connect", may_have_arrived=False), 1),
        (TransportError("read timeout", may_have_arrived=True), 1),
        (ServerError(503, retry_after=77), 77),
        (Throttled(429, retry_after=120), 120),
        (Unauthorized(401), 1),
        (BreakerOpen(), 1),
    ],
)
def test_a_dispatch_to_be_retried_goes_to_the_queue(world, failure, least_delay):
    world.omni.failures = [failure]
    outcome = world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE)}))
    assert (outcome.name, outcome.queued) == ("queued", 1)
    [(item, delay)] = world.outbox.queue
    assert item.attempts == 1
    assert delay >= least_delay
    assert [line["outcome"] for line in world.telemetry.statuses] == ["retry"]


def test_a_retried_send_keeps_its_message_ids_and_treats_a_duplicate_as_sent(world):
    source = world.add_source("ci", {"all": a_route(ONE)})
    world.relayer.relay(an_event(), source)
    world.ledger.results.clear()  # as after a crash between OMNI's acceptance and our record
    outcome = world.relayer.relay(an_event(), source)
    assert outcome.name == "sent"
    assert outcome.messages[0]["status"]["name"] == "REJECTED_DUPLICATE_MESSAGE_ID"
    assert len(world.omni.accepted) == 1


def test_one_refused_recipient_is_parked_and_the_others_are_sent(world):
    world.omni.statuses[TWO] = BLOCKLISTED
    outcome = world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE, TWO)}))
    assert outcome.name == "parked"
    [parked] = world.outbox.parked
    assert parked.reason is Reason.MESSAGES_REJECTED
    assert [m.phone for m in parked.dispatch.messages] == [TWO]
    assert list(world.omni.accepted.values()) == [ONE]


def test_a_recipient_without_credit_waits_alone(world):
    world.omni.statuses[TWO] = NO_CREDIT
    outcome = world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE, TWO)}))
    assert (outcome.name, outcome.queued) == ("queued", 1)
    [(item, _)] = world.outbox.queue
    assert [m.phone for m in item.dispatch.messages] == [TWO]
    sent_id = next(iter(world.omni.accepted))
    assert sent_id not in {m.message_id for m in item.dispatch.messages}


def test_a_dispatch_without_credit_for_any_recipient_stays_one_dispatch(world):
    world.omni.statuses[ONE] = NO_CREDIT
    world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE)}))
    [(item, _)] = world.outbox.queue
    assert item.dispatch.id == world.omni.requests[0].bulk_id
    assert world.telemetry.counts["AccountBlocked"] == 1


def test_a_refused_request_is_parked_once_however_often_it_comes(world):
    source = world.add_source("ci", {"all": a_route(ONE)})
    world.omni.failures = [BadRequest(400)]
    first = world.relayer.relay(an_event(), source)
    second = world.relayer.relay(an_event(), source)
    assert (first.name, second.name) == ("parked", "parked")
    assert second.duplicate
    assert len(world.outbox.parked) == 1
    assert world.outbox.parked[0].reason is Reason.REQUEST_REFUSED


def test_without_the_ledger_the_event_is_queued_instead_of_sent(world):
    world.ledger.down = True
    outcome = world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE)}))
    assert outcome.name == "queued"
    assert not world.omni.requests


def test_without_ledger_and_queue_nothing_is_acknowledged(world):
    world.ledger.down = world.outbox.down = True
    with pytest.raises(Unavailable):
        world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE)}))
    assert not world.omni.requests


def test_a_failed_send_that_can_not_be_queued_is_not_acknowledged_so_that_the_sender_repeats_it(world):
    source = world.add_source("ci", {"all": a_route(ONE)})
    world.omni.failures = [ServerError(500)]
    world.outbox.down = True
    with pytest.raises(Unavailable):
        world.relayer.relay(an_event(), source)
    world.outbox.down = False
    assert world.relayer.relay(an_event(), source).name == "sent"


def test_queued_delivery_answers_without_calling_omni(world):
    source = world.add_source("ci", {"all": a_route(ONE)}, delivery="queued")
    first = world.relayer.relay(an_event(), source)
    second = world.relayer.relay(an_event(), source)
    assert (first.name, first.queued, first.duplicate) == ("queued", 1, False)
    assert (second.name, second.duplicate) == ("queued", True)
    assert len(world.outbox.queue) == 1
    assert not world.omni.requests


def test_a_queued_event_is_sent_directly_while_the_queue_is_down(world):
    world.outbox.down = True
    outcome = world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE)}, delivery="queued"))
    assert outcome.name == "sent"


def test_a_dispatch_that_does_not_fit_into_the_time_left_is_queued(world):
    world.clock.remaining = 2.5
    outcome = world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE)}))
    assert outcome.name == "queued"
    assert not world.omni.requests


def test_a_call_never_gets_more_time_than_is_left(world):
    world.clock.remaining = 6.0
    world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE)}))
    assert world.omni.deadlines == [3.0]


def test_a_copy_in_flight_is_a_conflict_but_the_other_dispatches_are_sent(world):
    source = world.add_source("ci", {"one": a_route(ONE), "two": a_route(TWO)})
    world.relayer.relay(an_event(), source)
    world.ledger.held = {next(iter(world.ledger.results))}
    world.ledger.results.clear()
    world.omni.accepted.clear()
    with pytest.raises(DuplicateInFlight):
        world.relayer.relay(an_event(), source)
    assert list(world.omni.accepted.values()) == [TWO]


def test_a_route_that_fails_parks_the_event_and_the_others_are_sent(world):
    source = world.add_source("ci", {"good": a_route(ONE), "bad": a_route(TWO, text="{{ body.missing }}")})
    outcome = world.relayer.relay(an_event(), source)
    assert outcome.name == "parked"
    assert list(world.omni.accepted.values()) == [ONE]
    [parked] = world.outbox.parked
    assert parked.reason is Reason.ROUTE_INVALID
    assert "route bad: text" in parked.detail


def test_a_channel_with_a_blank_text_parks_the_event(world):
    channels = {"sms": {"text": "{{ body.t | default('') }}"}}
    outcome = world.relayer.relay(
        an_event(), world.add_source("ci", {"all": a_route(ONE, text=None, channels=channels)})
    )
    assert outcome.parked == [
        "route_invalid: route all: channels.sms.text: expected a text that isn't blank, here or for all channels"
    ]
    assert not world.omni.requests


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("sendAt", "expected a date and time with its zone, such as 2026-03-01T12:00:00Z"),
        ("notifyUrl", "expected https"),
        ("callbackData", "expected 4000 characters or fewer"),
        ("text", "expected a text, or channels with their own"),
    ],
)
def test_a_reason_names_the_field_as_relay_yaml_spells_it(world, field, problem):
    body = {"sendAt": "soon", "notifyUrl": "http://example.com", "callbackData": "x" * 4_001, "text": ""}
    source = world.add_source("ci", {"all": a_route(ONE, **{field: f"{{{{ body.{field} }}}}"})})
    assert world.relayer.relay(an_event(body=body), source).parked == [f"route_invalid: route all: {field}: {problem}"]


def test_a_time_that_a_template_leaves_empty_counts_as_absent(world):
    source = world.add_source("ci", {"all": a_route(ONE, sendAt="{{ body.at | default('') }}")})
    assert world.relayer.relay(an_event(), source).name == "sent"
    assert world.sent_texts == ["hello"]


def each_item(**fields):
    return {
        "for_each": "body.items",
        "scenario": "incident",
        "to": [{"phone": "{{ item.phone }}"}],
        "text": "{{ item.text }}",
        **fields,
    }


GOOD = [{"phone": f"+4179302670{n}", "text": f"{n}"} for n in range(5)]


def test_a_failed_item_parks_the_event_with_its_number_and_the_others_are_sent(world):
    items = [GOOD[0], {"phone": "079"}, *GOOD[2:]]
    outcome = world.relayer.relay(an_event(body={"items": items}), world.add_source("ci", {"each": each_item()}))
    assert outcome.parked == ["route_invalid: route each: item 2 of 5: text: line 1: 'text' is undefined"]
    assert world.sent_texts == ["0", "2", "3", "4"]
    assert len(world.outbox.parked) == 1


def test_an_item_that_fails_slowly_ends_its_route(world, monkeypatch):
    times = count(0.0, 0.2)
    monkeypatch.setattr(routing, "thread_time", lambda: next(times))
    items = [GOOD[0], *[{"phone": "079"}] * 300, GOOD[1]]
    outcome = world.relayer.relay(an_event(body={"items": items}), world.add_source("ci", {"each": each_item()}))
    assert outcome.parked == ["route_invalid: route each: text: line 1: 'text' is undefined"]
    assert not world.omni.requests


def test_a_reason_lists_only_a_few_of_many_failed_items(world):
    source = world.add_source("ci", {"each": each_item()})
    [reason] = world.relayer.relay(an_event(body={"items": [GOOD[0], *[{"phone": "079"}] * 300]}), source).parked
    assert reason.count("'text' is undefined") == 3
    assert reason.endswith("item 4 of 301: text: line 1: 'text' is undefined; and 297 more")


def test_a_replay_through_the_fixed_route_sends_only_the_failed_items(world):
    items = [GOOD[0], {"phone": GOOD[1]["phone"]}, *GOOD[2:], GOOD[2]]
    world.relayer.relay(an_event(body={"items": items}), world.add_source("ci", {"each": each_item()}))
    world.add_source("ci", {"each": each_item(text="{{ item.text | default('no text') }}")})
    [parked] = world.outbox.parked
    world.outbox.queue.append((parked.replayed(world.clock.now()), 0))
    while world.outbox.queue:
        item, _ = world.outbox.queue.pop(0)
        assert world.deliverer.deliver(item.model_dump_json(by_alias=True), 1) is None
    assert world.sent_texts == ["0", "2", "3", "4", "2", "no text"]
    assert len(world.omni.requests) == len(world.omni.accepted) == 6


def test_a_wrong_item_id_withholds_all_items_because_a_fix_would_change_their_ids(world):
    source = world.add_source("ci", {"each": each_item(item_id="join('-', item.names)")})
    items = [GOOD[0] | {"names": ["a"]}, GOOD[1] | {"names": [1]}]
    outcome = world.relayer.relay(an_event(body={"items": items}), source)
    assert outcome.parked[0].startswith("route_invalid: route each: item_id: join()")
    assert not world.omni.requests


def test_a_parked_event_is_parked_once(world):
    source = world.add_source("ci", {"bad": a_route(TWO, text="{{ body.missing }}")})
    world.relayer.relay(an_event(), source)
    assert world.relayer.relay(an_event(), source).duplicate
    assert len(world.outbox.parked) == 1


def test_an_unknown_scenario_parks_the_event(world):
    world.configuration.scenarios.clear()
    world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE)}))
    assert world.outbox.parked[0].reason is Reason.UNKNOWN_SCENARIO


def test_no_log_line_shows_a_whole_number_or_address(world):
    route = a_route(ONE) | {"to": [{"phone": f"+{ONE}", "email": "ops@example.com"}]}
    world.relayer.relay(an_event(), world.add_source("ci", {"all": route}))
    assert ONE not in str(world.telemetry.statuses)
    assert "ops@example.com" not in str(world.telemetry.statuses)


def test_if_time_runs_out_the_event_is_queued_and_each_message_is_sent_once(world):
    routes = {f"r{n}": a_route(f"4179302670{n}") for n in range(5)}
    source = world.add_source("ci", routes)
    send, world.clock.remaining = world.omni.send, 6.0

    def slow(request, deadline):
        world.clock.remaining -= 1.5
        return send(request, deadline)

    world.omni.send = slow
    outcome = world.relayer.relay(an_event(), source)
    assert (outcome.name, outcome.queued, len(outcome.messages)) == ("queued", 3, 2)
    [(item, _)] = world.outbox.queue
    assert item.event == an_event().model_copy(update={"received_at": item.event.received_at})
    world.clock.remaining, world.omni.send = 60.0, send
    while world.outbox.queue:
        item, _ = world.outbox.queue.pop(0)
        assert world.deliverer.deliver(item.model_dump_json(by_alias=True), 1) is None
    assert len(world.omni.accepted) == len(world.omni.requests) == 5


def test_a_lack_of_credit_for_some_recipients_is_counted_at_once(world):
    world.omni.statuses[TWO] = NO_CREDIT
    world.relayer.relay(an_event(), world.add_source("ci", {"all": a_route(ONE, TWO)}))
    assert world.telemetry.counts["AccountBlocked"] == 1


def test_an_event_with_too_many_dispatches_for_one_run_is_finished_by_several(world):
    """Each run continues where the last one stopped, even if it has no time to look up all finished dispatches."""
    routes = {f"r{n}": a_route(f"417930267{n:02}") for n in range(20)}
    source = world.add_source("ci", routes, delivery="queued")
    once = world.ledger.once

    def slow(kind, key, action):
        world.clock.remaining -= 1
        return once(kind, key, action)

    world.ledger.once, world.clock.remaining = slow, 8.0
    assert world.relayer.relay(an_event(), source).queued == 20
    received = {item.first_attempt_at for item, _ in world.outbox.queue if item.event}
    for _ in range(10):
        events = [item for item, _ in world.outbox.queue if item.event]
        world.outbox.queue = [(item, delay) for item, delay in world.outbox.queue if item.dispatch]
        for item in events:
            assert {item.first_attempt_at} == received
            world.clock.remaining = 8.0
            world.deliverer.deliver(item.model_dump_json(by_alias=True), 1)
    assert len({item.dispatch.id for item, _ in world.outbox.queue}) == len(world.outbox.queue) == 20


def test_two_installations_with_one_account_use_different_message_ids(world):
    source = world.add_source("ci", {"all": a_route(ONE)})
    world.relayer.relay(an_event(), source)
    world.ledger.results.clear()
    other = replace(world.relayer, installation="another")
    assert other.relay(an_event(), source).messages[0]["status"]["name"] == "PENDING_ENROUTE"
    assert len(world.omni.accepted) == 2
