"""tail, story, doctor and scenarios against the local stack, and against moto alone as AWS."""

import json
import select
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import requests
import yaml

from aws.records import DynamoDbRecords
from relay.model.records import Record, State
from sandbox.stack.settings import PROJECT
from tests.integration.cli.conftest import Command
from tests.support.proxies import ProxiedStack

GROUP = "/aws/lambda/omni-relay/WebhookFunction"
ALERT: dict[str, Any] = {
    "status": "firing",
    "groupKey": "disk",
    "alerts": [{"labels": {"alertname": "DiskFull"}, "status": "firing"}],
}


def alert(stack: ProxiedStack, name: str, secret: str = "local-alertmanager-token") -> requests.Response:
    body = {**ALERT, "groupKey": name, "alerts": [{**ALERT["alerts"][0], "annotations": {"summary": name}}]}
    headers = {"authorization": f"Bearer {secret}"}
    return requests.post(f"{stack.relay_url}/webhooks/alertmanager", json=body, headers=headers, timeout=10)


def test_a_story_tells_of_an_event_and_its_messages_by_the_id_of_either(
    stack: ProxiedStack, local: Command, eventually: Callable[..., Any]
) -> None:
    answer = alert(stack, "one story").json()
    alert(stack, "another story")
    event_id, message_id = answer["eventId"], answer["messages"][0]["messageId"]

    def whole() -> Any:
        run = local("story", "--local", "--json", event_id)
        return run if run.code == 0 and "message_status" in run.out else None

    by_event = eventually(whole)
    by_message = local("story", "--local", "--json", message_id)

    lines = json.loads(by_event.out)
    assert {line["event_id"] for line in lines} == {event_id}
    assert {"event_received", "message_status"} <= {line["message"] for line in lines}
    assert json.loads(by_message.out) == lines
    told = local("story", "--local", message_id).out
    assert f"sent alertmanager {event_id} → firing" in told
    assert "PENDING_ENROUTE" in told


def test_a_story_that_nobody_logged_is_a_mistake_that_says_how_to_look_further(local: Command) -> None:
    run = local("story", "--local", "nobody-knows-it")
    assert run.code == 2
    assert "bears the id nobody-knows-it; look further back by --since" in run.err


def test_tail_shows_lines_in_words_and_filters_them(
    stack: ProxiedStack, local: Command, eventually: Callable[..., Any]
) -> None:
    alert(stack, "tailed")
    alert(stack, "tailed too", secret="wrong")

    def both() -> Any:
        said = local("tail", "--local", "--once").out
        return said if "refused alertmanager 401" in said and "sent alertmanager" in said else None

    assert "→ firing" in eventually(both)
    assert "alertmanager" not in local("tail", "--local", "--once", "--source", "github").out
    assert "refused" not in local("tail", "--local", "--once", "--message", "message_status").out


def test_tail_follows_what_happens_after_it_began(
    stack: ProxiedStack, local: Command, eventually: Callable[..., Any]
) -> None:
    running = local.start("tail", "--local", "--json", "--message", "event_received")
    try:
        time_of_start = time.monotonic()
        ids: set[str] = set()

        def posted_until_seen() -> bool:
            ids.add(alert(stack, f"followed {len(ids)}").json()["eventId"])
            return stream_has_line(running.stdout, ids)

        assert eventually(posted_until_seen, seconds=20)
        assert time.monotonic() - time_of_start < 20
    finally:
        running.kill()
        running.communicate()


def stream_has_line(stream: Any, ids: set[str]) -> bool:
    """Whether a line of one of these events can be read now."""
    return bool(select.select([stream], [], [], 0.5)[0]) and json.loads(stream.readline())["event_id"] in ids


def test_doctor_finds_nothing_wrong_with_a_fresh_stack_and_names_what_is_parked(
    stack: ProxiedStack, local: Command
) -> None:
    well = local("doctor", "--local")
    assert well.code == 0, well.out + well.err
    assert "OMNI" in well.out
    stack.client("sqs").send_message(QueueUrl=stack.queue_url("DeadLetterQueue"), MessageBody="something")
    ill = local("doctor", "--local")
    assert ill.code == 3
    assert "bad      dead letters 1 parked — omni-relay parked" in ill.out


def test_doctor_names_each_fault_of_a_stack_in_aws_with_its_cure(
    omni_relay: Command, account: Mapping[str, str]
) -> None:
    del account
    ssm: Any = boto3.client("ssm")
    for name, value in {
        "omni/base-url": "http://127.0.0.1:9",
        "omni/authorization": "App key",
        "sources/ci/settings": '{"verify": "bearer"}',
        "sources/shop/settings": '{"verify": "shopifi"}',
        "sources/shop/muted": "2031-01-01T00:00:00Z",
    }.items():
        ssm.put_parameter(Name=f"/omni-relay/dev/{name}", Value=value, Type="String")
    outputs = boto3.client("cloudformation").describe_stacks(StackName="omni-relay")["Stacks"][0]["Outputs"]
    table = next(one["OutputValue"] for one in outputs if one["OutputKey"] == "RecordsTableName")
    names = {"event_id": "e1", "source": "ci", "route": "all", "scenario": "incident", "dispatch_id": "d1"}
    record = Record(
        message_id="m1", **names, to={}, attempt=1, at=datetime.now(UTC) - timedelta(hours=2), state=State.SENT
    )
    DynamoDbRecords(boto3.client("dynamodb"), table, 86_400).put([record])
    run = omni_relay("doctor", "--json")
    assert run.code == 3, run.err
    findings = {finding["subject"]: finding for finding in json.loads(run.out)}
    assert findings["OMNI"]["grade"] == "bad"
    assert findings["source ci"]["detail"] == "it has no secret, so it refuses everything"
    assert findings["alarms"]["cure"] == "deploy with AlarmEmail or AlarmTopicArn"
    assert findings["reports"]["detail"] == "none of 1 messages has an end after an hour"
    assert "expected a preset" in run.out
    assert "omni-relay unmute shop" in run.out


def test_a_story_is_read_from_cloudwatch(omni_relay: Command, account: Mapping[str, str]) -> None:
    del account
    logs: Any = boto3.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    now = datetime.now(UTC)
    line: dict[str, Any] = {
        "level": "INFO",
        "timestamp": now.isoformat(),
        "message": "event_received",
        "event_id": 'a "quoted" id',
    }
    line |= {"source": "ci", "outcome": "ignored", "routes_matched": [], "ms": 3.0}
    texts = [json.dumps(line), "START RequestId: x", json.dumps({**line, "event_id": "another"})]
    events = [{"timestamp": int(now.timestamp() * 1000), "message": text} for text in texts]
    logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)

    run = omni_relay("story", 'a "quoted" id')

    assert run.code == 0, run.err
    assert 'ignored ci a "quoted" id → no route matched' in run.out
    assert "another" not in run.out


def test_scenarios_stand_beside_omnis_and_a_flow_is_written_there(local: Command, tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    known = yaml.safe_load((PROJECT / "relay.yaml").read_text(encoding="utf-8"))["scenarios"]
    config.write_text(yaml.safe_dump({"scenarios": {**known, "wake-up": {"flow": [{"channel": "voice"}, "sms"]}}}))

    before = local("scenarios", "list", "--local", "--config", str(config))
    assert before.code == 3
    assert "not at OMNI yet: omni-relay scenarios apply" in before.out
    applied = local("scenarios", "apply", "--local", "--yes", "--json", "--config", str(config))
    (made,) = json.loads(applied.out)
    assert made["scenario"] == "wake-up"
    config.write_text(yaml.safe_dump({"scenarios": {"wake-up": {"key": made["key"], "flow": ["sms"]}}}))
    drifted = local("scenarios", "list", "--local", "--config", str(config))
    assert "relay.yaml says SMS" in drifted.out
    local("scenarios", "apply", "--local", "--yes", "--config", str(config))
    after = local("scenarios", "list", "--local", "--json", "--config", str(config))
    assert after.code == 0
    assert json.loads(after.out)[0]["omni"] == [["SMS", ""]]


def test_messages_are_found_by_recipient_event_and_source(
    stack: ProxiedStack, local: Command, eventually: Callable[..., Any]
) -> None:
    answer = alert(stack, "to be found").json()
    message_ids = {message["messageId"] for message in answer["messages"]}

    def found(*options: str) -> set[str]:
        run = local("find", "--local", "--json", *options)
        assert run.code == 0, run.err
        return {record["message_id"] for record in json.loads(run.out)}

    assert eventually(lambda: found("--event", answer["eventId"]) >= message_ids)
    phone = requests.get(f"{stack.sandbox_url}/sandbox/messages", timeout=5).json()["messages"][0]["to"]["phoneNumber"]
    assert found("--to", f"+{phone}") & message_ids
    assert found("--source", "alertmanager", "--since", "1h") >= message_ids
    assert found("--source", "github") & message_ids == set()
    assert found("--event", answer["eventId"], "--status", "parked") == set()
    assert found() >= message_ids
    assert phone not in local("find", "--local", "--event", answer["eventId"]).out


def test_a_recipient_that_is_no_number_is_a_mistake(stack: ProxiedStack, local: Command) -> None:
    del stack
    run = local("find", "--local", "--to", "079 302 67 27")
    assert run.code == 2
    assert "expected its country code first" in run.err
