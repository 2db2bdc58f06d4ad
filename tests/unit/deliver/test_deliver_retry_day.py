"""A dispatch is retried for a whole day by the deployed tables and then parked. The clock is simulated."""

import dataclasses
import json
import random
from bisect import bisect
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.environment import Environment
from omni.errors import (
    BadRequest,
    Forbidden,
    MalformedAnswer,
    ServerError,
    Throttled,
    TransportError,
    Unauthorized,
)
from omni.statuses import Policy
from relay.model.events import Event
from relay.model.items import Reason
from relay.ports import BreakerOpen
from sandbox.stack.sam_template import read_template
from sandbox.stack.settings import PROJECT
from tests.support.fakes import BLOCKLISTED, NEW_GROUP, NO_CREDIT, World

Fault = Exception | Mapping[str, Any]  # an exception in place of an answer, or the status of the message

DAY = timedelta(hours=24)
PHONE = "41793026727"
ROUTE = {"scenario": "incident", "to": [{"phone": f"+{PHONE}"}], "text": "hello"}
DEPLOYED = read_template(PROJECT / "template.yaml", cloud_url="http://127.0.0.1", parameters={})
ENVIRONMENT = Environment.read(DEPLOYED.functions["DeliveryFunction"].environment)
SQS_GIVES_UP = json.loads(DEPLOYED.queues["Queue"].attributes["RedrivePolicy"])["maxReceiveCount"]

# test_omni_client_failures.py shows which faults raise these errors. The client can't tell all faults apart.
NOTHING_SENT = TransportError("connect", may_have_arrived=False)
CLOSED = TransportError("connection closed", may_have_arrived=True)
TOO_LATE = TransportError("deadline", may_have_arrived=True)
TRANSIENT: Mapping[str, Fault] = {
    "refused": NOTHING_SENT,
    "DNS failure": NOTHING_SENT,
    "reset, before or after OMNI took it": CLOSED,
    "time-out, before or after OMNI took it": TOO_LATE,
    "a slow drip of bytes": TOO_LATE,
    "500": ServerError(500),
    "503 with Retry-After": ServerError(503, retry_after=600),
    "garbage with 200": MalformedAnswer(200, "not JSON"),
    "the circuit is open": BreakerOpen(),
}
ACCOUNT: Mapping[str, Fault] = {
    "401": Unauthorized(401),
    "403": Forbidden(403),
    "429": Throttled(429),
    "429 with Retry-After": Throttled(429, retry_after=7200),
    "a message without credit": NO_CREDIT,
}
LASTING = {
    **{name: (fault, ENVIRONMENT.retry_delays, Reason.ATTEMPTS_EXHAUSTED) for name, fault in TRANSIENT.items()},
    **{name: (fault, ENVIRONMENT.account_retry_delays, Reason.ACCOUNT_BLOCKED) for name, fault in ACCOUNT.items()},
}
PERMANENT: Mapping[str, tuple[Fault, Reason]] = {
    "400": (BadRequest(400), Reason.REQUEST_REFUSED),
    "a rejected message": (BLOCKLISTED, Reason.MESSAGES_REJECTED),
    "a status of no known group": (NEW_GROUP, Reason.STATUS_UNKNOWN),
}


@dataclasses.dataclass
class Day:
    world: World
    delays: list[int]


def a_day_of(fault: Fault, seed: int) -> Day:
    """Delivers a queued dispatch again and again, as SQS does, until it is sent or parked."""
    world = World()
    bounds = {Policy.RETRY: ENVIRONMENT.retry_delays, Policy.RETRY_ACCOUNT: ENVIRONMENT.account_retry_delays}
    world.dispatcher = dataclasses.replace(world.dispatcher, retry_bounds=bounds, jitter=random.Random(seed).uniform)
    source = world.add_source("ci", {"all": ROUTE}, delivery="queued")
    world.relayer.relay(Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC)), source)
    [(item, _)] = world.outbox.queue
    deliverer = world.deliverer
    delays: list[int] = []
    while True:
        _meet(world, fault)
        delay = deliverer.deliver(item.model_dump_json(by_alias=True), len(delays) + 1)
        if delay is None:
            return Day(world, delays)
        delays.append(delay)
        world.clock.advance(delay)


def _meet(world: World, fault: Fault) -> None:
    if isinstance(fault, Exception):
        world.omni.failures = [fault]
    else:
        world.omni.statuses[PHONE] = fault


@pytest.mark.parametrize("name", LASTING)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_a_lasting_fault_is_retried_for_a_day_within_the_table_and_then_parked(name: str, seed: int) -> None:
    fault, table, reason = LASTING[name]
    day = a_day_of(fault, seed)

    floor = getattr(fault, "retry_after", None) or 1
    ends, ages = [*accumulate(table)], accumulate(day.delays[:-1], initial=0)
    bounds = [max(floor, table[bisect(ends, age)]) for age in ages]
    assert all(floor <= delay <= bound for delay, bound in zip(day.delays, bounds, strict=True))
    [parked] = day.world.outbox.parked
    assert parked.reason is reason
    assert parked.attempts == len(day.delays) + 1 == len(day.world.omni.requests)
    assert DAY - timedelta(hours=1) <= parked.last_attempt_at - parked.first_attempt_at <= DAY + timedelta(hours=8)


@pytest.mark.parametrize("name", PERMANENT)
def test_a_permanent_fault_is_parked_at_the_first_attempt(name: str) -> None:
    fault, reason = PERMANENT[name]
    day = a_day_of(fault, seed=1)

    [parked] = day.world.outbox.parked
    assert parked.reason is reason
    assert parked.attempts == 1 == len(day.world.omni.requests)
    assert day.delays == []


@given(seed=st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_the_function_gives_up_long_before_sqs_would(seed: int) -> None:
    day = a_day_of(ServerError(500), seed)
    assert len(day.delays) < SQS_GIVES_UP / 2


def test_the_line_of_each_attempt_gives_its_number_and_outcome() -> None:
    lines = a_day_of(ServerError(500), 1).world.telemetry.statuses
    assert [line["attempt"] for line in lines] == [*range(1, len(lines)), len(lines) - 1]
    assert {line["outcome"] for line in lines[:-1]} == {"retry"}
    assert lines[-1]["outcome"] == "parked"


def test_a_copy_that_comes_hours_later_sends_nothing() -> None:
    world = World()
    source = world.add_source("ci", {"all": ROUTE})
    event = Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC))
    first = world.relayer.relay(event, source)
    for _ in range(10):
        world.clock.advance(7 * 3600)
        later = world.relayer.relay(event, source)
        assert later.duplicate
        assert later.messages == first.messages
    assert len(world.omni.requests) == 1


def test_a_copy_that_comes_before_a_late_retry_is_sent_and_the_retry_is_not() -> None:
    world = World()
    source = world.add_source("ci", {"all": ROUTE})
    event = Event(source="ci", id="e1", headers={}, body={}, received_at=datetime.now(UTC))
    world.omni.failures = [Throttled(429, retry_after=7200)]
    assert world.relayer.relay(event, source).name == "queued"
    world.clock.advance(3600)
    assert world.relayer.relay(event, source).name == "sent"
    [(item, _)] = world.outbox.queue
    world.clock.advance(3600)
    assert world.deliverer.deliver(item.model_dump_json(by_alias=True), 1) is None
    assert len(world.omni.requests) == 2
