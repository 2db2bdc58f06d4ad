"""explain, send, mute and unmute against the local stack, and against moto alone as AWS."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import boto3
import pytest
import requests

from relay.model.events import Event
from relay.model.items import Parked, Reason
from sandbox.running import announced
from sandbox.stack.settings import PROJECT, StackSettings
from tests.integration.cli.conftest import Command
from tests.support.moto_stack import OUTPUTS, create_stack
from tests.support.proxies import ProxiedStack

Parameters = Callable[[], dict[str, tuple[str, str]]]
CONFIG = """\
scenarios: {incident: KEY-1}
sources:
  ci:
    verify: bearer
    routes:
      failed:
        when: body.result == 'failed'
        scenario: incident
        to: [{phone: "+41 79 302 67 27"}]
        text: "{{ body.project }} failed"
"""
PUSH = ("push", "--yes", "--secrets", "secrets.yaml", "--omni-base-url", "https://api.example.com")


@pytest.fixture
def pushed(omni_relay: Command) -> Command:
    (omni_relay.folder / "relay.yaml").write_text(CONFIG)
    (omni_relay.folder / "secrets.yaml").write_text("sources: {ci: a-token}\n")
    run = omni_relay(*PUSH, OMNI_AUTHORIZATION="App key")
    assert run.code == 0, run.err
    return omni_relay


def park(event_id: str) -> None:
    """Parks an event, as a function does."""
    now = datetime.now(UTC)
    event = Event(source="ci", id=event_id, headers={}, body={"result": "failed"}, received_at=now)
    times: dict[str, Any] = {"first_attempt_at": now, "last_attempt_at": now}
    item = Parked(reason=Reason.ROUTE_INVALID, detail="why", source="ci", event=event, attempts=1, **times)
    outputs = boto3.client("cloudformation").describe_stacks(StackName="omni-relay")["Stacks"][0]["Outputs"]
    [url] = [output["OutputValue"] for output in outputs if output["OutputKey"] == "DeadLetterQueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody=item.model_dump_json(by_alias=True, exclude_none=True))


def test_something_parked_is_explained_by_its_id_and_stays_where_it_is(pushed: Command) -> None:
    park("one")
    park("two")
    for _ in range(2):  # the first run must not hide it from the second
        run = pushed("explain", "two")
        assert run.code == 0, run.err
        assert "source   ci\n  event    two\n" in run.out
        assert "✗ text: line 1: 'project' is undefined" in run.out
    (pushed.folder / "relay.yaml").write_text(CONFIG.replace("body.project", "id"))
    assert "every channel: two failed" in pushed("explain", "two").out
    assert "'project' is undefined" in pushed("explain", "two", "--deployed").out


def test_an_id_that_nothing_has_is_a_mistake(pushed: Command) -> None:
    run = pushed("explain", "nobody-knows-it")
    assert (run.code, run.out) == (2, "")
    assert "nobody-knows-it is no event in events/, and nothing that is parked has this id" in run.err


def test_a_mute_is_a_parameter_that_a_push_leaves_alone(pushed: Command, parameters: Parameters) -> None:
    run = pushed("mute", "ci/failed", "--for", "2h")
    assert run.code == 0, run.err
    assert run.out.startswith("ci/failed is muted until ")
    kind, value = parameters()["sources/ci/muted/failed"]
    assert kind == "String"
    left = datetime.fromisoformat(value) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2)

    pushed("mute", "ci")
    assert pushed(*PUSH, OMNI_AUTHORIZATION="App key").code == 0
    assert [one["what"] for one in json.loads(pushed("mute", "--json").out)] == ["ci", "ci/failed"]

    unmuted = pushed("unmute", "ci")
    assert unmuted.out == "ci is heard again; functions see it within ConfigTtlSeconds\n"
    assert unmuted.err == "ci/failed is still muted: omni-relay unmute ci/failed\n"
    assert pushed("unmute", "ci").out == "ci isn't muted\n"
    assert pushed("unmute", "ci/failed").code == 0
    assert pushed("mute").out == "nothing is muted\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mute", "cii"), "cii is neither a source nor SOURCE/ROUTE of the pushed configuration; did you mean ci?"),
        (("mute", "ci/fail"), "did you mean ci/failed?"),
        (("unmute", "nobody"), "nobody is neither a source"),
        (("mute", "ci", "--for", "ever"), "expected a length such as 90m, 2h or 3d"),
    ],
)
def test_a_slip_in_a_name_mutes_nothing(
    arguments: tuple[str, ...], words: str, pushed: Command, parameters: Parameters
) -> None:
    run = pushed(*arguments)
    assert run.code == 2
    assert words in run.err
    assert not [name for name in parameters() if "muted" in name]


class Lambda(BaseHTTPRequestHandler):
    """Lambda's Invoke API, where `answer` is what the function gives."""

    invoked: ClassVar[list[tuple[str, Any]]] = []
    answer: ClassVar[tuple[Any, Mapping[str, str]]] = (None, {})

    def do_POST(self) -> None:
        self.invoked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        content, headers = self.answer
        body = json.dumps(content).encode()
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keeps the test quiet."""


@pytest.fixture
def lambda_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lambda)
    Thread(target=server.serve_forever, daemon=True).start()
    Lambda.invoked.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def with_function(pushed: Command) -> Command:
    """A second stack, whose function's name is known."""
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "the-function"}}
    outputs = {"ParameterPrefix": OUTPUTS["ParameterPrefix"]}
    parts = {"Resources": {"ScheduleFunction": topic}, "Outputs": outputs}
    create_stack("whole", **parts)
    return pushed


def test_a_message_goes_to_the_function_as_a_schedule_s(with_function: Command, lambda_url: str) -> None:
    sent = {"messageId": "m1", "status": {"groupName": "PENDING", "name": "PENDING_ENROUTE"}}
    Lambda.answer = ([{"eventId": "send-1", "outcome": "sent", "messages": [sent]}], {})
    to = ("--to", "+41 79 302 67 27", "--to", "ops@example.com", "--text", "A test")
    run = with_function("send", "--stack", "whole", *to, AWS_ENDPOINT_URL_LAMBDA=lambda_url)
    assert run.code == 0, run.err
    assert run.out == "sent: event send-1\n  message m1: PENDING PENDING_ENROUTE\n"
    [(path, payload)] = Lambda.invoked
    assert "the-function" in path
    assert "Qualifier=live" in path
    assert payload.pop("id").startswith("send-")
    people = [{"phone": "+41 79 302 67 27"}, {"email": "ops@example.com"}]
    assert payload == {"to": people, "scenario": "incident", "text": "A test"}


def test_only_a_channel_and_only_later(with_function: Command, lambda_url: str) -> None:
    Lambda.answer = ([{"eventId": "send-1", "outcome": "parked", "reason": "unknown_scenario: x"}], {})
    later = ("--at", "2031-07-01 09:00", "--zone", "Europe/Zurich", "--channel", "sms", "--scenario", "other")
    to = ("--to", "+41793026727", "--text", "x")
    run = with_function("send", "--stack", "whole", *to, *later, AWS_ENDPOINT_URL_LAMBDA=lambda_url)
    assert (run.code, "unknown_scenario: x" in run.out) == (3, True)
    [(_, payload)] = Lambda.invoked
    assert payload["sendAt"] == "2031-07-01T09:00:00+02:00"
    assert (payload["channels"], payload["scenario"]) == ({"sms": {"text": "x"}}, "other")
    assert "text" not in payload


def test_a_function_that_fails_is_no_success(with_function: Command, lambda_url: str) -> None:
    Lambda.answer = ({"errorType": "Unavailable", "errorMessage": "the queue"}, {"X-Amz-Function-Error": "Unhandled"})
    to = ("--to", "+41793026727", "--text", "x")
    run = with_function("send", "--stack", "whole", *to, AWS_ENDPOINT_URL_LAMBDA=lambda_url)
    assert run.code == 1
    assert run.err == "Error: the relay didn't send it: the queue\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "079 302 67 27", "--text", "x"), "to[0].phone: '0793****27' is not an international number"),
        (("--to", "ops@", "--text", "x"), "is not an email address"),
        (("--to", "+41793026727", "--text", ""), "expected a text"),
        (("--to", "+41793026727", "--text", "x", "--channel", "SMS"), "expected it as sms"),
        (("--to", "+41793026727", "--text", "x", "--at", "soon"), "--at: expected such as 18:30"),
        (("--to", "+41793026727", "--text", "x", "--at", "9:00", "--zone", "Zürich"), "there is no zone Zürich"),
    ],
)
def test_a_slip_is_told_before_anything_is_called(
    arguments: tuple[str, ...], words: str, pushed: Command, lambda_url: str
) -> None:
    run = pushed("send", *arguments, AWS_ENDPOINT_URL_LAMBDA=lambda_url)
    assert run.code == 2
    assert words in run.err
    assert Lambda.invoked == []


def test_a_test_to_oneself_arrives_in_the_sandbox(stack: ProxiedStack, local: Command) -> None:
    run = local("send", "--local", "--to", "+41 79 302 67 27", "--text", "to myself", "--scenario", "incident")
    assert run.code == 0, run.err
    messages = requests.get(f"{stack.sandbox_url}/sandbox/messages", timeout=5).json()["messages"]
    assert [message["text"] for message in messages if message["text"] == "to myself"] == ["to myself"]


def test_a_mute_silences_the_local_stack(
    stack_settings: Callable[..., StackSettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., Any],
) -> None:
    monkeypatch.setenv("RUN_FILE", str(tmp_path / "run.json"))
    settings = stack_settings(processes=1, template_parameters={"ConfigTtlSeconds": "1"})
    with ProxiedStack(settings) as stack, announced(stack):
        _muted_and_heard_again(stack, Command(PROJECT, {"RUN_FILE": str(tmp_path / "run.json")}), eventually)


def _muted_and_heard_again(stack: ProxiedStack, local: Command, eventually: Callable[..., Any]) -> None:
    def posted() -> str:
        body = {"groupKey": "muting", "status": "firing", "at": datetime.now(UTC).isoformat(), "alerts": []}
        headers = {"authorization": "Bearer local-alertmanager-token"}
        answer = requests.post(f"{stack.relay_url}/webhooks/alertmanager", json=body, headers=headers, timeout=10)
        return str(answer.json()["outcome"])

    assert posted() == "ignored"
    try:
        assert local("mute", "alertmanager", "--local", "--for", "5m").code == 0
        assert eventually(lambda: posted() == "muted", 30)
    finally:
        assert local("unmute", "alertmanager", "--local").code == 0
    assert eventually(lambda: posted() == "ignored", 30)


def test_an_event_is_explained_by_the_running_stack_s_files(local: Command) -> None:
    run = local("explain", "github-release", "--local")
    assert run.code == 0, run.err
    assert "source   github: verified (github)" in run.out
