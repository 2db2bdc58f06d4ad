"""After each single fault of OMNI or of the configuration, the message is sent once or parked.

The tests check the sender's answer, the calls, the log lines and the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from relay.model.items import Reason
from tests.support.relay_stack import BLOCKLISTED, NO_CREDIT, PHONE, Relay, Sent

Wait = Callable[..., Any]
DRIP = {"kind": "drip", "delayMs": 400}
RETRY_LATER = {"Retry-After": "3"}


@dataclass(frozen=True, slots=True)
class Row:
    """A fault of one send, after which OMNI works again. The log line of the first attempt names `cause`."""

    fault: dict[str, Any]
    outcome: str
    cause: str
    sends: int = 2
    taken: bool = False  # OMNI has already taken the message when the first send fails
    account: bool = False


ROWS = {
    "reset before OMNI took it": Row({"kind": "reset"}, "queued", "connection closed"),
    "reset after OMNI took it": Row({"kind": "reset", "after": "accept"}, "queued", "connection closed", taken=True),
    "time-out before OMNI took it": Row({"kind": "timeout"}, "queued", "deadline"),
    "time-out after OMNI took it": Row({"kind": "timeout", "after": "accept"}, "queued", "deadline", taken=True),
    "500": Row({"kind": "status", "status": 500}, "queued", "ServerError"),
    "500 after OMNI took it": Row(
        {"kind": "status", "status": 500, "after": "accept"}, "queued", "ServerError", taken=True
    ),
    "503 with Retry-After": Row({"kind": "status", "status": 503, "headers": RETRY_LATER}, "queued", "ServerError"),
    "429": Row({"kind": "status", "status": 429, "headers": RETRY_LATER}, "queued", "Throttled", account=True),
    "401": Row({"kind": "status", "status": 401}, "queued", "Unauthorized", account=True),
    "403": Row({"kind": "status", "status": 403}, "queued", "Forbidden", account=True),
    "garbage with 200": Row({"kind": "garbage"}, "queued", "MalformedAnswer"),
    "garbage after OMNI took it": Row({"kind": "garbage", "after": "accept"}, "queued", "MalformedAnswer", taken=True),
    "an empty answer with 200": Row({"kind": "garbage", "body": "{}"}, "queued", "MalformedAnswer|answer_mismatch"),
    "another message's answer": Row(
        {"kind": "garbage", "body": '{"messages": [{"messageId": "other", "status": {"groupId": 1, "id": 7}}]}'},
        "queued",
        "answer_mismatch",
    ),
    "a slow drip of bytes": Row(DRIP, "queued", "deadline", taken=True),
    "a delay within the deadline": Row({"kind": "delay", "delayMs": 500}, "sent", "", sends=1),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_passing_fault_only_delays_the_message(relay: Relay, eventually: Wait, row: Row) -> None:
    event = relay.event()
    relay.omni_fails(row.fault)

    answer = relay.post(event)

    assert (answer.status, answer.outcome) == ((200, "sent") if row.outcome == "sent" else (202, "queued"))
    assert len(relay.messages(event)) >= row.taken
    eventually(lambda: relay.waiting() == 0, 30)
    assert len(relay.messages(event)) == 1
    assert relay.sends == row.sends
    assert relay.parked() == []
    lines = eventually(lambda: _finished(relay))
    assert [line["attempt"] for line in lines] == [*range(1, row.sends + 1)]
    assert lines[-1]["outcome"] == "sent"
    if row.cause:
        assert any(cause in lines[0]["cause"] for cause in row.cause.split("|"))
    assert ("AccountBlocked" in relay.metrics()) is row.account
    if row.taken:
        assert lines[-1]["status"]["name"] == "REJECTED_DUPLICATE_MESSAGE_ID"


def _finished(relay: Relay) -> list[dict[str, Any]]:
    lines = relay.lines()
    return lines if lines and lines[-1]["outcome"] != "retry" else []


@pytest.mark.parametrize("status", [503, pytest.param(429, marks=pytest.mark.slow)])
def test_a_retry_waits_for_the_time_of_retry_after(relay: Relay, eventually: Wait, status: int) -> None:
    event = relay.event()
    relay.omni_fails({"kind": "status", "status": status, "headers": RETRY_LATER, "count": 2})
    relay.post(event)
    lines = eventually(lambda: _finished(relay), 30)
    times = [datetime.fromisoformat(line["timestamp"]) for line in lines]
    assert len(times) == 3
    assert all((later - before).total_seconds() >= 2.9 for before, later in pairwise(times))
    assert len(relay.messages(event)) == 1


def test_a_request_that_omni_refuses_is_parked_at_once(relay: Relay) -> None:
    event = relay.event()
    relay.omni_fails({"kind": "status", "status": 400})
    answer = relay.post(event)
    assert (answer.status, answer.outcome) == (202, "parked")
    assert "BadRequest" in answer.content["reason"]
    [parked] = relay.parked()
    assert (parked.reason, parked.attempts) == (Reason.REQUEST_REFUSED, 1)
    assert relay.sends == 1
    assert relay.waiting() == 0


def test_a_refused_recipient_is_parked_and_the_other_gets_the_message(relay: Relay) -> None:
    event = relay.event(PHONE, BLOCKLISTED)
    assert relay.post(event).outcome == "parked"
    assert [message["to"]["phoneNumber"] for message in relay.messages(event)] == [PHONE]
    [parked] = relay.parked()
    assert parked.reason is Reason.MESSAGES_REJECTED
    assert "BLOCKLISTED" in parked.detail
    assert parked.dispatch
    assert [message.phone for message in parked.dispatch.messages] == [BLOCKLISTED]
    assert relay.sends == 1


def test_a_recipient_for_whom_the_account_lacks_credit_is_tried_again_alone(relay: Relay, eventually: Wait) -> None:
    event = relay.event(PHONE, NO_CREDIT)
    assert relay.post(event).outcome == "queued"
    eventually(lambda: relay.sends >= 3)
    assert [message["to"]["phoneNumber"] for message in relay.messages(event)] == [PHONE]
    again = [line for line in relay.lines() if line["attempt"] > 1]
    assert {line["status"]["name"] for line in again} == {"REJECTED_NOT_ENOUGH_CREDITS"}
    assert "AccountBlocked" in relay.metrics()


def test_a_wrong_number_parks_the_event(relay: Relay) -> None:
    _parks(relay, relay.event("417930267270000"), Reason.ROUTE_INVALID, "to[0].phone: ")


def test_a_scenario_without_a_key_parks_the_event(relay: Relay) -> None:
    relay.unconfigure("scenarios/retired")
    _parks(relay, relay.event(source="retired"), Reason.UNKNOWN_SCENARIO, "no key is configured for retired")


def _parks(relay: Relay, event: Sent, reason: Reason, detail: str) -> None:
    answer = relay.post(event)
    assert (answer.status, answer.outcome) == (202, "parked")
    [parked] = relay.parked()
    assert parked.event
    assert (parked.event.id, parked.reason) == (event.id, reason)
    assert detail in parked.detail
    assert relay.sends == relay.waiting() == 0


def test_messages_wait_while_omni_is_unreachable(relay: Relay, eventually: Wait) -> None:
    """The first address refuses connections, the second one is an unknown name."""
    event, other = relay.event(), relay.event()
    for unreachable, sent in (("http://127.0.0.1:9", event), ("http://omni.invalid", other)):
        relay.configure("omni/base-url", unreachable)
        _forget(relay)
        answer = relay.post(sent)
        assert (answer.status, answer.outcome) == (202, "queued")
        eventually(lambda: len(relay.lines("DeliveryFunction")) > 0)
    assert relay.sends == 0
    assert all("nothing was sent" in line["cause"] for line in relay.lines() if line["cause"] != "breaker_open")
    relay.configure("omni/base-url", relay.stack.sandbox_url)
    eventually(lambda: relay.waiting() == 0, 45)
    assert [len(relay.messages(sent)) for sent in (event, other)] == [1, 1]


def _forget(relay: Relay) -> None:
    for function in ("WebhookFunction", "DeliveryFunction"):
        relay.stack.replace_processes(function)
