"""A schedule's firing carries one notification, a list of them, or an event for a source's routes."""

import pytest

from relay.problems import DuplicateInFlight, InvalidBody
from relay.receive.schedules import fire as relay_firing
from relay.receive.schedules import firing_of
from tests.support.fakes import World

NOTE = {"to": [{"phone": "+41793026727"}], "scenario": "incident", "text": "weekly"}


@pytest.fixture
def world():
    return World()


def fire(world, event, request_id="request-1"):
    firing = firing_of(event, request_id)
    return relay_firing(firing, world.clock.now(), configuration=world.configuration, relayer=world.relayer)


def test_a_schedulers_input_is_a_notification(world):
    [outcome] = fire(world, NOTE | {"id": "execution-1"})
    assert (outcome.name, outcome.event_id) == ("sent", "execution-1")


def test_a_rules_event_carries_the_notification_in_its_detail_and_gives_its_id(world):
    [outcome] = fire(world, {"version": "0", "id": "rule-1", "detail-type": "Reminder", "detail": NOTE})
    assert outcome.event_id == "rule-1"


def test_lambdas_retry_of_a_firing_sends_nothing_again(world):
    fire(world, NOTE)
    [again] = fire(world, NOTE)
    assert again.duplicate
    assert len(world.omni.accepted) == 1


def test_a_later_firing_sends_again(world):
    fire(world, NOTE, "request-1")
    fire(world, NOTE, "request-2")
    assert len(world.omni.accepted) == 2


def test_each_notification_of_a_list_is_sent(world):
    outcomes = fire(world, [NOTE, NOTE | {"text": "and this"}])
    assert [o.name for o in outcomes] == ["sent", "sent"]
    assert world.sent_texts == ["weekly", "and this"]


def test_a_payload_that_can_not_be_sent_is_refused_with_each_wrong_field(world):
    with pytest.raises(InvalidBody) as refusal:
        fire(world, [NOTE, {"to": [{"phone": "079 302 67 27"}, {}], "scenario": "incident", "sendAt": "tomorrow"}])
    assert [error.field for error in refusal.value.errors] == ["to[0].phone", "to[1]", "sendAt", "text"]
    assert world.sent_texts == []


def test_notifications_of_a_list_that_share_an_id_are_each_sent_once(world):
    notes = [NOTE | {"id": "firing-1"}, NOTE | {"id": "other"}, NOTE | {"id": "firing-1", "text": "and this"}]
    for request in ("request-1", "request-2"):
        outcomes = fire(world, notes, request)
    assert [outcome.event_id for outcome in outcomes] == ["firing-1/0", "other", "firing-1/2"]
    assert all(outcome.duplicate for outcome in outcomes)
    assert len(world.omni.accepted) == 3


def test_an_id_that_looks_like_a_generated_one_replaces_no_other_notification(world):
    notes = [NOTE | {"id": own_id, "text": text} for own_id, text in (("x", "a"), ("x", "b"), ("x/0", "c"))]
    fire(world, notes)
    fire(world, notes, "request-2")
    assert world.sent_texts == ["a", "b", "c"]


def test_a_list_with_a_wrong_notification_is_not_sent_at_all(world):
    with pytest.raises(InvalidBody):
        fire(world, [NOTE, {"text": "no recipient"}])
    assert not world.omni.requests


def test_a_notification_in_flight_does_not_hold_back_the_others_of_its_list(world):
    fire(world, NOTE | {"id": "a"})
    world.ledger.held = set(world.ledger.results)
    with pytest.raises(DuplicateInFlight):
        fire(world, [NOTE | {"id": "a"}, NOTE | {"id": "b", "text": "other"}])
    assert world.sent_texts == ["weekly", "other"]


def test_an_event_goes_through_its_sources_routes(world):
    route = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "build {{ body.build }}"}
    world.add_source("ci", {"all": route | {"when": "headers.kind == 'build'"}}, delivery="queued")
    [outcome] = fire(world, {"source": "ci", "event": {"build": 7}, "headers": {"Kind": "build"}})
    assert outcome.name == "sent"
    assert world.sent_texts == ["build 7"]


@pytest.mark.parametrize("payload", [None, 7, "text", [], {}, [None], {"source": "nobody", "event": {}}, {"event": 1}])
def test_a_payload_of_no_known_form_is_refused(world, payload):
    with pytest.raises(InvalidBody):
        fire(world, payload)


def test_an_unknown_scenario_parks_the_notification(world):
    [outcome] = fire(world, NOTE | {"scenario": "nowhere"})
    assert outcome.name == "parked"
    assert world.outbox.parked[0].event.body["text"] == "weekly"
