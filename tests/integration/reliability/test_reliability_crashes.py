"""A function that dies or runs out of time while it sends loses no message and sends none twice."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.proxies import Reachability
from tests.support.relay_stack import OTHERS, PHONE, Relay, Sent

Wait = Callable[..., Any]
HELD = {"before OMNI took it": {"kind": "timeout"}, "after OMNI took it": {"kind": "timeout", "after": "accept"}}
held = pytest.mark.parametrize("fault", HELD.values(), ids=HELD.keys())
either = pytest.mark.parametrize(  # `make test` runs the harder one, where OMNI must recognise the copy
    "fault",
    [
        pytest.param(HELD["before OMNI took it"], id="before OMNI took it", marks=pytest.mark.slow),
        pytest.param(HELD["after OMNI took it"], id="after OMNI took it"),
    ],
)


def kill(relay: Relay, eventually: Wait, function: str) -> None:
    """Kills all processes of the function. Returns when others have taken their place."""
    killed = relay.stack.pids(function)
    for pid in killed:
        relay.stack.kill(pid)
    eventually(lambda: not set(killed) & set(relay.stack.pids(function)))


def die_while_omni_holds_the_answer(relay: Relay, eventually: Wait, fault: dict[str, Any]) -> Sent:
    """Kills the function while it sends an event, and returns the event. Tries again if the kill came too late."""
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
def test_a_second_copy_is_sent_after_the_claim_of_the_killed_first_one_expires(
    relay: Relay, eventually: Wait, fault: dict[str, Any]
) -> None:
    event = die_while_omni_holds_the_answer(relay, eventually, fault)

    early = relay.post(event)
    late = eventually(lambda: relay.settled(event))

    assert early.status == 409
    assert late.outcome == "sent"
    assert (len(relay.messages(event)), relay.sends) == (1, 2)


@pytest.mark.slow  # waits for a visibility timeout
@held
def test_the_queue_repeats_a_killed_delivery(relay: Relay, eventually: Wait, fault: dict[str, Any]) -> None:
    event = relay.event(source="queued")
    relay.omni_fails(fault)
    assert relay.post(event).status == 202
    eventually(lambda: relay.sends == 1)
    kill(relay, eventually, "DeliveryFunction")
    eventually(lambda: relay.waiting() == 0, 40)
    assert len(relay.messages(event)) == 1
    assert relay.parked() == []


@pytest.mark.slow  # uses up a function's time
def test_dispatches_that_do_not_fit_into_the_functions_time_are_queued(relay: Relay, eventually: Wait) -> None:
    """OMNI answers each of ten dispatches so slowly that the first few use up the function's time."""
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
    """Without a limit, each of three dispatches would wait for the table twice, to claim and to queue."""
    event = relay.event(PHONE, *OTHERS, source="many")
    relay.unreachable("dynamodb", how=Reachability.HANG)
    answer = relay.post(event)
    assert (answer.status, answer.outcome) == (202, "queued")
    relay.reachable()
    eventually(lambda: relay.waiting() == 0, 40)
    assert len(relay.messages(event)) == 3
