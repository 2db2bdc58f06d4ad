"""Each webhook and each event of a firing has one line `event_received` that fits its schema, whatever became of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from jsonschema import Draft7Validator

from relay import limits
from relay.ports import QueueUnavailable
from sandbox.stack.settings import PROJECT
from tests.support.adversary import Adversary
from tests.support.inprocess import Context, Relay, relay

SCHEMA = json.loads((PROJECT / "docs" / "event-received.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(SCHEMA, format_checker=Draft7Validator.FORMAT_CHECKER)
# The fields that the logger adds to each line.
OF_LAMBDA = {"cold_start", "function_name", "function_memory_size", "function_arn"}
NOTE = {"to": [{"phone": "+41793026727"}], "scenario": "incident", "text": "weekly"}


@dataclass(frozen=True)
class Sender:
    """Posts a body that is signed for a source. `altered` changes it after that."""

    relay: Relay

    def post(self, source: str, body: Any, altered: bytes = b"", **headers: str) -> int:
        adversary = Adversary(self.relay.config, self.relay.secrets)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        signed = adversary.signed(source, raw, "application/json", extra)
        assert signed is not None
        return self.relay.post(source, signed.body + altered, signed.headers, signed.query).status


@pytest.fixture
def sender(inprocess: Relay) -> Sender:
    Draft7Validator.check_schema(SCHEMA)
    return Sender(inprocess)


def the_lines(relay: Relay) -> list[dict[str, Any]]:
    """Returns the lines, after checking that each fits the schema and holds nothing else."""
    lines = [line for line in relay.lines() if line.get("message") == "event_received"]
    for line in lines:
        assert [error.message for error in VALIDATOR.iter_errors(line)] == []
        assert set(line) <= set(SCHEMA["properties"]) | OF_LAMBDA
    return lines


def the_line(relay: Relay) -> dict[str, Any]:
    [line] = the_lines(relay)
    return line


def test_a_sent_event_s_line_names_each_route_and_its_dispatch(inprocess: Relay, sender: Sender) -> None:
    assert sender.post("bearer", {"kind": "build", "id": 7}) == 200
    line = the_line(inprocess)
    assert (line["event_id"], line["source"], line["outcome"]) == ("build-7", "bearer", "sent")
    assert (line["verification"], line["http_status"]) == ("bearer", 200)
    assert (line["routes_matched"], line["routes_failed"]) == (["fixed"], [])
    assert set(line["routes_unmatched"]) == {"chosen", "each", "counted", "advanced"}
    [message] = [line for line in inprocess.lines() if line.get("message") == "message_status"]
    assert (line["dispatches"], line["dispatch_ids"]) == (1, [message["dispatch_id"]])
    assert line["request_id"].startswith("request-")


def test_a_failed_route_s_line_says_why(inprocess: Relay, sender: Sender) -> None:
    assert sender.post("bearer", {"to": [{"phone": "12"}], "text": "hi"}) == 202
    line = the_line(inprocess)
    assert (line["outcome"], line["routes_failed"], line["routes_matched"]) == ("parked", ["chosen"], ["fixed"])
    assert line["reason"].startswith("route_invalid: route chosen: to[0].phone: ")


def test_a_queued_and_a_repeated_event_have_a_line_each(inprocess: Relay, sender: Sender) -> None:
    for _ in range(2):
        assert sender.post("github", {"title": "released"}) == 202
    first, second = the_lines(inprocess)
    assert (first["outcome"], second["outcome"]) == ("queued", "duplicate")
    assert first["dispatch_ids"] == second["dispatch_ids"]


def test_an_event_that_no_route_wants_names_the_routes_that_were_asked(inprocess: Relay, sender: Sender) -> None:
    assert sender.post("example-monitor", {"state": "up"}) == 200
    line = the_line(inprocess)
    assert (line["outcome"], line["routes_matched"], line["dispatches"]) == ("ignored", [], 0)
    assert line["routes_unmatched"] == list(inprocess.config["sources"]["example-monitor"]["routes"])


def test_a_handshake_has_a_line_without_routes(inprocess: Relay, sender: Sender) -> None:
    assert sender.post("slack", {"type": "url_verification", "challenge": "planted-challenge"}) == 200
    line = the_line(inprocess)
    assert (line["outcome"], line["reason"], line["source"]) == ("ignored", "handshake", "slack")
    assert "routes_matched" not in line
    assert "planted" not in json.dumps(line)


def test_thousands_of_dispatches_are_counted_and_some_are_named(inprocess: Relay, sender: Sender) -> None:
    assert sender.post("bearer", {"items": [{"id": number} for number in range(100)]}) == 200
    line = the_line(inprocess)
    assert (line["dispatches"], len(line["dispatch_ids"])) == (101, limits.DISPATCHES_TOLD)


REFUSALS: dict[str, tuple[int, Callable[[Sender], int], dict[str, Any]]] = {
    "a wrong signature": (401, lambda s: s.post("hmac", {"a": 1}, altered=b" "), {"source": "hmac"}),
    "no such source": (404, lambda s: s.relay.post("githbu", b"{}").status, {"name_in_url": "githbu"}),
    "a long name": (404, lambda s: s.relay.post("a" * 60, b"{}").status, {"name_in_url": "a" * 40}),
    "a strange name": (404, lambda s: s.relay.post("<script>", b"{}").status, {}),
    "a number as a name": (
        404,
        lambda s: s.relay.post("x-41793026727", b"{}").status,
        {"name_in_url": "x-4179*****27"},
    ),
    "a large body": (413, lambda s: s.post("bearer", b" " * 600_000), {"name_in_url": "bearer"}),
    "large headers": (431, lambda s: s.post("bearer", {}, padding="x" * 20_000), {"name_in_url": "bearer"}),
    "no JSON": (400, lambda s: s.post("bearer", b"{"), {"source": "bearer", "verification": "bearer"}),
    "another schema": (
        422,
        lambda s: s.post("strict", {"kind": "A", "items": [{}]}),
        {"source": "strict", "errors": ["kind: does not satisfy pattern ^[a-z]+$"]},
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_webhook_has_a_line_with_its_reason(name: str, inprocess: Relay, sender: Sender) -> None:
    status, post, told = REFUSALS[name]
    assert post(sender) == status
    line = the_line(inprocess)
    assert (line["outcome"], line["http_status"]) == ("refused", status)
    assert line["reason"]
    assert line | told == line
    assert ("source" in line) == ("source" in told)
    assert ("name_in_url" in line) == ("name_in_url" in told)


def test_an_event_that_could_not_be_made_durable_tells_how_far_it_came(inprocess: Relay, sender: Sender) -> None:
    with patch("tests.support.inprocess.Sqs.send_message", side_effect=QueueUnavailable):
        assert sender.post("bearer", {"to": [{"phone": "12"}], "id": 1}) == 503
    line = the_line(inprocess)
    assert (line["outcome"], line["routes_failed"], line["http_status"]) == ("refused", ["chosen"], 503)
    assert line["event_id"]


def test_an_unexpected_error_has_a_line_beside_the_one_with_its_place(inprocess: Relay, sender: Sender) -> None:
    with patch("relay.deliver.relaying.route", side_effect=ZeroDivisionError):
        assert sender.post("bearer", {"kind": "build", "id": 8}) == 503
    assert [line["message"] for line in inprocess.lines() if "message" in line] == ["webhook_failed", "event_received"]
    assert the_line(inprocess)["event_id"] == "build-8"


def test_a_muted_source_verifies_and_answers_200(inprocess: Relay, contract: Any) -> None:
    from handlers import composition

    prefix = next(iter(inprocess.ssm.values)).split("/omni/")[0]
    composition.configuration.cache_clear()
    with patch.dict(inprocess.ssm.values, {f"{prefix}/sources/bearer/muted": "2099-01-01T00:00:00Z"}):
        answer = inprocess.post("bearer", b"{}", [(b"authorization", b"Bearer planted-bearer-token")])
        assert inprocess.post("bearer", b"{}").status == 401
    composition.configuration.cache_clear()
    assert contract.faults(answer.status, answer.headers, answer.text) == []
    assert answer.json()["outcome"] == "muted"
    assert [line["outcome"] for line in the_lines(inprocess)] == ["muted", "refused"]
    assert not inprocess.omni.requests


def test_each_event_of_a_firing_has_a_line(inprocess: Relay) -> None:
    from handlers import schedule

    with inprocess.listening():
        schedule.handler([{"id": "a", **NOTE}, {"id": "b", **NOTE, "scenario": "nowhere"}], Context())
        schedule.handler({"id": "a", **NOTE}, Context())
    lines = the_lines(inprocess)
    assert [line["event_id"] for line in lines] == ["a", "b", "a"]
    assert [line["outcome"] for line in lines] == ["sent", "parked", "duplicate"]
    assert {line["source"] for line in lines} == {"schedule"}
    assert not [line for line in lines if "http_status" in line]


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ({**NOTE, "to": []}, {"source": "schedule", "errors": ["to: expected 1 or more"]}),
        (
            {"source": "nobody", "event": {}, "id": "x"},
            {"event_id": "x", "errors": ["source: expected a configured source"]},
        ),
    ],
)
def test_a_firing_that_is_refused_has_a_line(payload: Any, told: dict[str, Any], inprocess: Relay) -> None:
    from handlers import schedule

    with inprocess.listening(), pytest.raises(schedule.FiringFailed):
        schedule.handler(payload, Context())
    line = the_line(inprocess)
    assert line["outcome"] == "refused"
    assert line | told == line


def test_an_event_that_the_queue_routes_again_was_not_received_again(inprocess: Relay, sender: Sender) -> None:
    from handlers import delivery

    event = {"source": "bearer", "id": "e", "headers": {}, "body": {}, "received_at": "2026-03-01T12:00:00Z"}
    record = {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": json.dumps({"event": event, "firstAttemptAt": "2026-03-01T12:00:00Z"}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }
    with inprocess.listening():
        assert delivery.handler({"Records": [record]}, Context()) == {"batchItemFailures": []}
    assert inprocess.sqs.messages
    assert the_lines(inprocess) == []


@pytest.mark.parametrize(("secrets", "position"), [(["new", "old"], 2), (["old", "older"], 1), (["old"], None)])
def test_the_line_says_which_of_several_secrets_was_used(secrets: list[str], position: int | None) -> None:
    route = {"when": "body.never", "scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "x"}
    config = {"scenarios": {"incident": "K"}, "sources": {"ci": {"verify": "bearer", "routes": {"a": route}}}}
    with relay(config, {"sources": {"ci": secrets}}) as rotating:
        headers = {"authorization": "Bearer old", "content-type": "application/json"}
        assert rotating.post("ci", b'{"id": 1}', headers).status == 200
        assert the_line(rotating).get("proved_by") == position
