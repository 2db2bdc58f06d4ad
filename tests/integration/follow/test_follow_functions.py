"""A message is followed to its end by the deployed functions, as real processes over real sockets."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from sandbox.stack.settings import PROJECT
from tests.support.relay_stack import Relay

REPORTERS = ("ReportFunction", "ReportPullFunction")
SCHEMA = json.loads((PROJECT / "docs" / "message-report.schema.json").read_text(encoding="utf-8"))
DELIVERED = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}
Eventually = Callable[..., Any]


def ends(relay: Relay) -> list[dict[str, Any]]:
    return [line for line in relay.lines(*REPORTERS, message="message_report") if line["final"]]


def push(relay: Relay, body: bytes, token: str | None = None) -> requests.Response:
    url = f"{relay.stack.relay_url}/reports/{relay.stack.report_token if token is None else token}"
    return requests.post(url, data=body, headers={"content-type": "application/json"}, timeout=30)


def report(message_id: str, status: Mapping[str, Any] = DELIVERED) -> bytes:
    return json.dumps({"results": [{"messageId": message_id, "status": status, "channel": "SMS"}]}).encode()


def test_a_webhook_becomes_a_line_with_channel_and_seconds(relay: Relay, eventually: Eventually) -> None:
    assert relay.post(relay.event()).outcome == "sent"

    eventually(lambda: ends(relay))

    [line] = ends(relay)
    [message] = relay.messages()
    jsonschema.validate(line, SCHEMA)
    assert line["message_id"] == message["messageId"]
    assert (line["state"], line["source"], line["route"]) == ("delivered", "direct", "all")
    assert line["channel"]
    assert line["seconds"] >= 0


def test_reports_that_come_twice_and_by_both_ways_make_one_end(relay: Relay, eventually: Eventually) -> None:
    relay.post(relay.event())
    [line] = eventually(lambda: ends(relay))

    for _ in range(2):
        assert push(relay, report(line["message_id"])).json() == {"recorded": 1}
    eventually(lambda: len(relay.lines("ReportFunction", message="report_repeated")) >= 2)

    assert len(ends(relay)) == 1


def test_a_final_state_stays(relay: Relay, eventually: Eventually) -> None:
    relay.post(relay.event())
    [line] = eventually(lambda: ends(relay))

    failed = {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"}
    assert push(relay, report(line["message_id"], failed)).status_code == 200

    assert eventually(lambda: relay.lines("ReportFunction", message="report_late"))
    assert [one["state"] for one in ends(relay)] == ["delivered"]


def test_an_end_that_a_killed_function_recorded_and_did_not_tell_is_told_by_the_pull(
    relay: Relay, eventually: Eventually
) -> None:
    relay.post(relay.event())
    [line] = eventually(lambda: ends(relay))
    relay.stack.client("dynamodb").update_item(
        TableName=relay.stack.template.tables["RecordsTable"].name,
        Key={"message_id": {"S": line["message_id"]}},
        UpdateExpression="SET #open = :shard, ended_at = :long_ago REMOVE told",
        ExpressionAttributeNames={"#open": "open"},
        ExpressionAttributeValues={":shard": {"S": "0"}, ":long_ago": {"S": "2026-01-01T00:00:00.000000Z"}},
    )

    again = eventually(lambda: ends(relay)[1:])

    assert [(one["function_name"].rpartition("-")[2], one["state"]) for one in again] == [
        ("ReportPullFunction", "delivered")
    ]


def test_while_records_cannot_be_written_omni_is_asked_to_push_again(relay: Relay, eventually: Eventually) -> None:
    relay.post(relay.event())
    [line] = eventually(lambda: ends(relay))
    relay.unreachable("dynamodb")

    answer = push(relay, report(line["message_id"]))

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    relay.reachable()
    assert eventually(lambda: push(relay, report(line["message_id"])).status_code == 200)


def test_a_message_is_sent_while_no_record_can_be_written_at_once(relay: Relay, eventually: Eventually) -> None:
    table = relay.stack.template.tables["RecordsTable"]
    dynamodb = relay.stack.client("dynamodb")
    dynamodb.delete_table(TableName=table.name)
    try:
        assert relay.post(relay.event()).outcome == "sent"
        assert relay.waiting()
    finally:
        dynamodb.create_table(TableName=table.name, **table.definition)

    assert eventually(lambda: ends(relay), seconds=30)


@pytest.mark.parametrize("token", ["wrong", "x" * 5_000, "%F0%9F%94%91", "%00"])
def test_a_wrong_token_is_refused(relay: Relay, token: str) -> None:
    assert push(relay, report("m"), token).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"<a", b"\xff\xfe\x00", b"[" * 200_000, b'{"results":{}}'])
def test_a_body_that_is_no_report_gets_an_error_of_the_sender(relay: Relay, body: bytes) -> None:
    assert 400 <= push(relay, body).status_code < 500


def test_an_unknown_message_is_answered_200_and_named(relay: Relay, eventually: Eventually) -> None:
    assert push(relay, report("00000000-0000-4000-8000-000000000000")).status_code == 200

    assert eventually(lambda: relay.lines("ReportFunction", message="report_unknown"))


@pytest.mark.slow
def test_two_thousand_results_are_taken_in_one_body(relay: Relay) -> None:
    results = [json.loads(report(f"stranger-{number}"))["results"][0] for number in range(2_000)]

    answer = push(relay, json.dumps({"results": results}).encode())

    assert (answer.status_code, answer.json()) == (200, {"recorded": 2_000})


def test_the_token_is_in_no_log(relay: Relay, eventually: Eventually) -> None:
    relay.post(relay.event())
    push(relay, b"{")
    eventually(lambda: ends(relay))

    token = relay.stack.report_token
    written = "".join(json.dumps(relay.stack.log_records(name)) for name in relay.stack.template.functions)
    assert "message_report" in written
    assert token not in written
    files = [path for path in Path(relay.stack.settings.logs).rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if token.encode() in path.read_bytes()]
