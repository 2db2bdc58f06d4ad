"""A muted source or route makes no message until the mute ends, and nothing that was acknowledged before is lost."""

from dataclasses import replace
from datetime import timedelta

import pytest

from relay.configure.sources import WHOLE, parse_mute, parse_source
from relay.model.events import Event
from relay.model.items import QueueItem
from relay.problems import Mistake
from tests.support.fakes import World

ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "{{ body.text }}"}
OTHER = ROUTE | {"text": "other {{ body.text }}"}


@pytest.fixture
def world():
    return World()


def muted(world, source, **routes):
    """Returns the source muted for an hour: all of it, or only these routes."""
    until = world.clock.now() + timedelta(hours=1)
    return replace(source, mutes=dict.fromkeys(routes or (WHOLE,), until))


def an_event(world, identity="e1", body=None):
    return Event(source="ci", id=identity, headers={}, body=body or {"text": "hi"}, received_at=world.clock.now())


def test_an_event_of_a_muted_source_makes_no_message_and_is_counted(world):
    outcome = world.relayer.relay(an_event(world), muted(world, world.add_source("ci", {"all": ROUTE})))
    assert (outcome.name, outcome.event_id) == ("muted", "e1")
    assert (world.omni.requests, world.outbox.parked, world.ledger.results) == ([], [], {})
    assert world.telemetry.counts["Muted"] == 1


def test_a_mute_ends_by_itself(world):
    source = muted(world, world.add_source("ci", {"all": ROUTE}))
    world.relayer.relay(an_event(world), source)
    world.clock.advance(3600)
    assert world.relayer.relay(an_event(world), source).name == "sent"
    assert world.telemetry.counts["Muted"] == 1


def test_a_source_or_route_is_muted_in_the_configuration(world):
    source = world.add_source("ci", {"all": ROUTE}, muted=True)
    assert world.relayer.relay(an_event(world), source).name == "muted"
    source = world.add_source("ci", {"one": ROUTE | {"muted": True}, "two": OTHER})
    assert world.relayer.relay(an_event(world), source).name == "sent"
    assert world.sent_texts == ["other hi"]


def test_of_a_muted_route_only_that_route_is_silent(world):
    source = muted(world, world.add_source("ci", {"one": ROUTE, "two": OTHER}), one=True)
    outcome = world.relayer.relay(an_event(world), source)
    assert [(verdict.route, verdict.name) for verdict in outcome.verdicts] == [("one", "muted"), ("two", "matched")]
    assert (outcome.name, world.sent_texts) == ("sent", ["other hi"])
    assert world.telemetry.counts["Muted"] == 1


def test_an_event_that_only_a_muted_route_wants_is_muted_and_claims_nothing(world):
    routes = {"one": ROUTE, "two": OTHER | {"when": "body.no"}}
    source = muted(world, world.add_source("ci", routes), one=True)
    assert world.relayer.relay(an_event(world), source).name == "muted"
    assert world.ledger.results == {}


def test_an_event_that_a_muted_route_does_not_want_is_ignored(world):
    source = muted(world, world.add_source("ci", {"one": ROUTE | {"when": "body.no"}}), one=True)
    assert world.relayer.relay(an_event(world), source).name == "ignored"
    assert "Muted" not in world.telemetry.counts


def test_a_broken_route_that_is_muted_parks_nothing(world):
    routes = {"one": ROUTE | {"text": "{{ body.missing.field }}"}, "unreadable": ROUTE | {"text": "{% no"}}
    source = muted(world, world.add_source("ci", routes), one=True, unreadable=True)
    assert world.relayer.relay(an_event(world), source).name == "muted"
    assert world.outbox.parked == []


def test_an_event_that_was_queued_before_the_mute_is_sent(world):
    source = world.add_source("ci", {"all": ROUTE})
    item = QueueItem(event=an_event(world), first_attempt_at=world.clock.now())
    assert world.relayer.resume(item, item.event, muted(world, source)).name == "queued"


def test_the_rest_of_an_event_keeps_the_mutes_of_the_time_when_it_came(world):
    world.limit = 1
    many = [{"phone": "+41793026727"}, {"phone": "+41793026731"}]
    source = world.add_source("ci", {"one": ROUTE, "two": OTHER | {"to": many}})
    sends = world.omni.send

    def slow(request, deadline):
        world.clock.remaining = 1.0
        return sends(request, deadline)

    world.omni.send = slow
    assert world.relayer.relay(an_event(world), muted(world, source, one=True)).name == "queued"
    [rest] = [item for item, _ in world.outbox.queue if item.event]
    world.relayer.resume(rest, rest.event, source)
    texts = world.sent_texts + [item.dispatch.content.text for item, _ in world.outbox.queue if item.dispatch]
    assert texts == ["other hi", "other hi"]


def test_the_line_of_a_muted_event_names_the_muted_routes(world):
    from relay.deliver.outcomes import event_line

    source = muted(world, world.add_source("ci", {"one": ROUTE, "two": OTHER}), one=True)
    line = event_line(world.relayer.relay(an_event(world), source), 1.0)
    assert (line["outcome"], line["routes_matched"], line["routes_muted"]) == ("sent", ["two"], ["one"])


def test_the_source_s_settings_refuse_anything_but_a_flag():
    with pytest.raises(Mistake):
        parse_source("ci", {"verify": "bearer", "muted": "for a while"}, {}, ())


@pytest.mark.parametrize("text", ["", "soon", "2026-11-24", "2026-11-24T18:00:00", "3600"])
def test_a_time_without_a_zone_or_that_is_none_mutes_nothing(text):
    with pytest.raises(Mistake):
        parse_mute(text)
