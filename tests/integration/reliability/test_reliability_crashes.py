"""Functions that die or run out of time with a message in their hands."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.proxies import Reachability
from tests.support.relay_stack import OTHERS, PHONE, Relay, Sent

Wait = Callable[..., Any]
HELD = {"before OMNI took it": {"kind": "timeout"}, "after OMNI took it": {"kind": "timeout", "after": "accept"}}
held = pytest.mark.parametrize("fault", HELD.values(), ids=HELD.keys())
either = pytest.mark.parametrize(  # the harder one in `make test`: the copy is OMNI's to recognise
    "fault",
    [
        pytest.param(HELD["before OMNI took it"], id="before OMNI took it", marks=pytest.mark.slow),
        pytest.param(HELD["after OMNI took it"], id="after OMNI took it"),
    ],
)


def kill(relay: Relay, eventually: Wait, function: str) -> None:
    """All processes of the function; others have taken their place when it returns."""
    killed = relay.stack.pids(function)
    for pid in killed:
        relay.stack.kill(pid)
    eventually(lambda: not set(killed) & set(relay.stack.pids(function)))


def die_while_omni_holds_the_answer(relay: Relay, eventually: Wait, fault: dict[str, Any]) -> Sent:
    """The event that was in the function's hands; one that was queued before the kill came is no such event."""
    while True:
        relay.clean()
        event = relay.event()
        relay.omni_fails(fault)
        with relay.posting(event) as first:
            eventually(lambda: relay.sends == 1)
            kill(relay, eventually, "WebhookFunction")
        if first.result().outcome != "queued":
            assert first.result().status == 500
            return event


@either
def test_a_second_copy_waits_for_the_first_ones_claim_to_lapse_and_is_sent(
    relay: Relay, eventually: Wait, fault: dict[str, Any]
) -> None:
    event = die_while_omni_holds_the_answer(relay, eventually, fault)

    early = relay.post(event)
    late = eventually(lambda: relay.settled(event))

    assert early.status == 409
    assert late.outcome == "sent"
    assert (len(relay.messages(event)), relay.sends) == (1, 2)


@pytest.mark.slow  # a whole visibility timeout
@held
def test_a_delivery_that_dies_is_repeated_by_the_queue(relay: Relay, eventually: Wait, fault: dict[str, Any]) -> None:
    event = relay.event(source="queued")
    relay.omni_fails(fault)
    assert relay.post(event).status == 202
    eventually(lambda: relay.sends == 1)
    kill(relay, eventually, "DeliveryFunction")
    eventually(lambda: relay.waiting() == 0, 40)
    assert len(relay.messages(event)) == 1
    assert relay.parked() == []


@pytest.mark.slow  # uses up a function's time
def test_what_does_not_fit_into_a_functions_time_is_queued(relay: Relay, eventually: Wait) -> None:
    """Ten dispatches, for each of which OMNI takes its time: the first few use the function's up."""
    event = relay.event(*(f"4179302{number:04}" for number in range(6700, 6710)), source="many")
    relay.omni_fails({"kind": "delay", "delayMs": 1600, "count": 20})
    answer = relay.post(event)
    assert (answer.status, answer.outcome) == (202, "queued")
    assert 1 <= answer.content["dispatches"] == 10 - len(answer.content["messages"])
    assert len(relay.lines("WebhookFunction")) < 10
    eventually(lambda: relay.waiting() == 0, 40)
    assert len(relay.messages(event)) == 10
    assert relay.parked() == []


def test_a_table_that_hangs_does_not_use_up_the_functions_time(relay: Relay, eventually: Wait) -> None:
    """Each of three dispatches would wait for the table twice, to claim and to queue."""
    event = relay.event(PHONE, *OTHERS, source="many")
    relay.unreachable("dynamodb", how=Reachability.HANG)
    answer = relay.post(event)
    assert (answer.status, answer.outcome) == (202, "queued")
    relay.reachable()
    eventually(lambda: relay.waiting() == 0, 40)
    assert len(relay.messages(event)) == 3
