"""While OMNI is down, the open circuit lets no sender wait. A probe closes it when OMNI is back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.relay_stack import Relay, Sent

Wait = Callable[..., Any]
FAILURES_THAT_OPEN = 5
RECOVERY_SECONDS = 15
OMNI_HANGS = {"kind": "timeout", "count": 1_000_000}


@pytest.fixture
def fresh_relay(relay: Relay) -> Iterator[Relay]:
    """Gives a relay whose failure count is zero. Afterwards no process remembers an open circuit."""
    yield relay
    relay.clean()
    for function in ("WebhookFunction", "DeliveryFunction"):
        relay.stack.replace_processes(function)


@pytest.mark.slow  # waits for OMNI's time-outs and the circuit's recovery
def test_an_open_circuit_queues_within_milliseconds_and_closes_after_a_probe(
    fresh_relay: Relay, eventually: Wait
) -> None:
    relay = fresh_relay
    relay.omni_fails(OMNI_HANGS)
    events: list[Sent] = []

    def post() -> float:
        events.append(relay.event())
        answer = relay.post(events[-1])
        assert (answer.status, answer.outcome) == (202, "queued")
        return answer.seconds

    waited = [post() for _ in range(3)]
    eventually(lambda: relay.lines(message="breaker"), 30)
    eventually(lambda: post() < min(waited) / 4, 10)  # until this process has read the open circuit
    quick = [post() for _ in range(10)]
    assert sorted(quick)[5] < min(waited) / 10
    tried = relay.sends

    relay.omni_recovers()
    eventually(lambda: relay.waiting() == 0, RECOVERY_SECONDS + 30)

    assert all(len(relay.messages(event)) == 1 for event in events)
    assert relay.post(relay.event()).outcome == "sent"
    assert relay.sends >= tried
    steps = [(line["from_state"], line["to_state"]) for line in relay.lines(message="breaker")]
    assert steps[0] == ("CLOSED", "OPEN")
    assert steps[-2:] == [("OPEN", "HALF_OPEN"), ("HALF_OPEN", "CLOSED")]
    counted = eventually(lambda: relay.metrics() if "BreakerClosed" in relay.metrics() else None)
    assert counted["BreakerOpen"] == steps.count(("CLOSED", "OPEN")) + steps.count(("HALF_OPEN", "OPEN"))
    assert "breaker_open" in {line.get("cause") for line in relay.lines()}


def test_answers_that_refuse_us_leave_the_circuit_closed(fresh_relay: Relay, eventually: Wait) -> None:
    relay = fresh_relay
    relay.omni_fails({"kind": "status", "status": 401, "count": 2 * FAILURES_THAT_OPEN})
    events = [relay.event() for _ in range(FAILURES_THAT_OPEN + 1)]
    for event in events:
        assert relay.post(event).outcome == "queued"
    eventually(lambda: relay.waiting() == 0, 30)
    assert all(len(relay.messages(event)) == 1 for event in events)
    assert relay.lines(message="breaker") == []
