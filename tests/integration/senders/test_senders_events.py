"""The sample events: signed as shipped, wanted by a route, made new on demand, and posted as they are."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from handlers.http import inbound_request
from relay.configure.sources import Source, parse_secrets, parse_source
from relay.deliver.routing import Verdict, route
from relay.model.events import Event
from relay.problems import NotAuthenticated
from relay.verification import PRESETS
from relay.verification.decoding import decode
from relay.verification.inbound import InboundRequest
from sandbox import event_files, local_tokens
from sandbox.renewal import Sources, body_of, renewed, resigned
from sandbox.stack.stack import Stack
from tests.support.certificates import local_certificate
from tests.support.senders import HANDSHAKES, every_source

PROJECT = Path(__file__).parents[3]
WEBHOOKS = sorted(path.stem.removeprefix("webhook-") for path in (PROJECT / "events").glob("webhook-*.json"))
STALE = {
    "grafana", "orders", "svix-orders", "stripe", "slack", "billing", "linear", "zendesk", "zoom", "mailgun", "hubspot",
    "discord", "sendgrid", "calendly", "paddle", "pubsub", "deploys", "audit",
}  # fmt: skip
IN_BODY = {"sns", "linear", "mailgun", "microsoft-graph", "adyen"}  # their signature, secret or time is in the body
KNOWN = every_source()
each_webhook = pytest.mark.parametrize("name", WEBHOOKS)


def source_of(event: dict[str, Any], known: Sources = KNOWN) -> Source:
    name = event["pathParameters"]["source"]
    settings = dict(known.config["sources"][name])
    routes = settings.pop("routes", {})
    secrets = known.secrets["sources"].get(name, "")
    stored = secrets if isinstance(secrets, str) else json.dumps(secrets)
    return parse_source(name, settings, routes, parse_secrets(stored))


def request_of(event: dict[str, Any], at: datetime | None = None) -> InboundRequest:
    sent = datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC)
    return replace(inbound_request(event), received_at=at or sent)


def check(event: dict[str, Any], at: datetime | None = None) -> None:
    source = source_of(event)
    source.verification.check(request_of(event, at), source.secrets, local_certificate, local_tokens.keys)


def identity(event: dict[str, Any]) -> str:
    """Returns what tells this event from others: the sender's id, or else the body."""
    source, request = source_of(event), request_of(event)
    body = decode(request.body, request.headers["content-type"], expects=source.verification.body_format)
    return source.verification.event_id(request, body) or json.dumps(body)


def routed(event: dict[str, Any]) -> list[Verdict]:
    source, request = source_of(event), request_of(event)
    body = decode(request.body, request.headers["content-type"], expects=source.verification.body_format)
    made = Event(source=source.name, id="e", headers=dict(request.headers), body=body, received_at=request.received_at)
    return route(made, source, limit=100, installation="test", scenario_key=KNOWN.config["scenarios"].__getitem__)


def test_every_preset_has_an_event() -> None:
    presets = {source_of(event_files.load(name)).verification.name for name in WEBHOOKS}
    assert presets == set(PRESETS)


@each_webhook
def test_a_file_verifies_as_shipped(name: str) -> None:
    event = event_files.load(name)
    check(event)
    later = datetime.now(UTC) + timedelta(days=3650)
    if event["pathParameters"]["source"] in STALE:
        with pytest.raises(NotAuthenticated, match=r"stale|expired"):
            check(event, later)
    else:
        check(event, later)


@each_webhook
def test_a_file_carries_the_signature_that_the_sandbox_makes(name: str) -> None:
    event = event_files.load(name)
    assert resigned(event, KNOWN) == event, "run: python -m sandbox.event_files sign"


@each_webhook
def test_a_file_is_refused_with_another_secret(name: str) -> None:
    event = event_files.load(name)
    source = source_of(event)
    if source.verification.has_secret:
        with pytest.raises(NotAuthenticated):
            source.verification.check(request_of(event), ["another secret"], local_certificate)


@each_webhook
def test_a_renewed_event_verifies_now_and_is_another_event(name: str) -> None:
    now = datetime(2031, 5, 24, 10, 0, 0, 123456, tzinfo=UTC)
    first, second = (renewed(event_files.load(name), KNOWN, at) for at in (now, now + timedelta(milliseconds=1)))
    check(first, now)
    check(second, now)
    if name not in HANDSHAKES:
        assert len({identity(event) for event in (event_files.load(name), first, second)}) == 3
    assert first["requestContext"]["timeEpoch"] == int(now.timestamp() * 1000)


@each_webhook
def test_the_example_configuration_wants_the_event(name: str) -> None:
    verdicts = {verdict.name for verdict in routed(event_files.load(name))}
    assert "failed" not in verdicts
    assert ("matched" in verdicts) == (name not in HANDSHAKES)


class Echo(BaseHTTPRequestHandler):
    """Answers with the request that it got."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        seen = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body.hex()}
        self.send_response(409 if "x-refuse" in self.headers else 202)
        self.end_headers()
        self.wfile.write(json.dumps(seen).encode())

    def log_message(self, *_: Any) -> None:
        """Keeps the test quiet."""


@pytest.fixture
def echo() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@each_webhook
def test_an_event_is_posted_byte_for_byte(name: str, echo: int) -> None:
    event = event_files.load(name)
    answer = event_files.post(event, echo)
    seen = json.loads(answer.body)
    assert answer.status == 202
    assert bytes.fromhex(seen["body"]) == body_of(event)
    query = event["rawQueryString"]
    assert seen["path"] == event["rawPath"] + (f"?{query}" if query else "")
    proof = event["headers"].keys() & set(source_of(event).verification.scheme.secret_headers)
    assert {header: seen["headers"][header] for header in proof} == {
        header: event["headers"][header] for header in proof
    }
    assert seen["headers"]["host"] == f"127.0.0.1:{echo}"


def test_make_event_prints_the_status_and_the_answer(echo: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert event_files.main(["post", "github-release", "--port", str(echo)]) == 0
    status, _, body = capsys.readouterr().out.partition("\n")
    assert status == "HTTP 202 Accepted"
    assert json.loads(body)["path"] == "/webhooks/github"


def test_make_event_fails_when_the_relay_refuses(echo: int, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    event = event_files.load("github-release")
    refused = tmp_path / "refused.json"
    refused.write_text(json.dumps(event | {"headers": event["headers"] | {"x-refuse": "yes"}}))
    assert event_files.main(["post", str(refused), "--port", str(echo)]) == 1
    assert capsys.readouterr().out.startswith("HTTP 409 Conflict\n")


def test_make_event_says_when_nothing_listens(echo: int, capsys: pytest.CaptureFixture[str]) -> None:
    closed = HTTPServer(("127.0.0.1", 0), Echo)
    port = closed.server_address[1]
    closed.server_close()
    assert event_files.main(["post", "github-release", "--port", str(port)]) == 2
    assert f"nothing answers on 127.0.0.1:{port}" in capsys.readouterr().err


def test_an_unknown_event_is_answered_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert event_files.main(["post", "github-relase"]) == 2
    error = capsys.readouterr().err
    assert "no event 'github-relase'" in error
    assert "github-release" in error


def test_another_function_s_event_is_not_posted() -> None:
    with pytest.raises(event_files.NotAWebhook):
        event_files.post(event_files.load("schedule"), 0)


def test_make_event_invokes_another_function_with_its_event(echo: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert event_files.main(["post", "schedule", "--port", str(echo)]) == 0
    seen = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert seen["path"] == "/2015-03-31/functions/ScheduleFunction/invocations"
    assert json.loads(bytes.fromhex(seen["body"])) == event_files.load("schedule")


def test_make_event_tells_the_outcome_of_a_schedule(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAMBDA_PORT", str(urlsplit(stack.lambda_url).port))
    assert event_files.main(["post", "schedule"]) == 0
    assert '"outcome": "sent"' in capsys.readouterr().out


WEBHOOK = event_files.load("ci-build-failed")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("# Not JSON", "is no event: Expecting value: line 1 column 1"),
        ("[" * 100_000, "is no event"),
        (json.dumps({k: v for k, v in WEBHOOK.items() if k != "pathParameters"}), "pathParameters: Field required"),
        (json.dumps(WEBHOOK | {"pathParameters": None}), "pathParameters: "),
        (json.dumps(WEBHOOK | {"requestContext": {"http": {}}}), "requestContext.http.method: Field required"),
        (json.dumps(WEBHOOK | {"headers": {"x": 1}}), "headers.x: "),
        (json.dumps(WEBHOOK | {"body": "a", "isBase64Encoded": True}), "is no event"),
        (json.dumps(WEBHOOK | {"rawPath": "/webhooks/c i"}), "the event can't be sent"),
        (json.dumps(WEBHOOK | {"headers": {"x-a": "a\nb"}}), "the event can't be sent"),
    ],
)
def test_a_file_that_is_no_event_is_refused_in_a_line(
    tmp_path: Path, echo: int, capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    file = tmp_path / "event.json"
    file.write_text(content)
    assert event_files.main(["post", str(file), "--port", str(echo)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("body", ["not JSON", "[]", '{"event": 7, "alerts": [7], "MessageSid": 7}'])
@each_webhook
def test_a_body_that_its_sender_would_not_send_goes_as_it_is(name: str, body: str) -> None:
    event = event_files.load(name) | {"body": body, "isBase64Encoded": False}
    now = datetime.now(UTC)
    fresh = renewed(event, KNOWN, now)
    if source_of(fresh).name in IN_BODY:
        assert fresh["body"] == body or source_of(fresh).name == "linear"  # which adds its time to any object
    else:
        check(fresh, now)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("sources: {github: {}}", ""), "source github, verify"),
        (("sources: {github: {verify: gihtub}}", ""), "source github, verify"),
        (("sources: {github: bearer}", ""), "source github: expected a mapping"),
        (("sources: {github: {verify: github}}", "sources: [x]"), "secrets: expected sources"),
        (
            ("sources: {github: {verify: github}}", "sources: {github: 12345}"),
            "secrets, source github: expected a text",
        ),
        (("sources: {github: {verify: github}}", "- x"), "SECRETS: "),
        (("sources: {github: {verify: github}}", ""), "source github: it has no secret"),
    ],
)
def test_make_event_says_what_is_wrong_with_the_configuration(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    files: tuple[str, str],
    words: str,
) -> None:
    for variable, content in zip(("CONFIG", "SECRETS"), files, strict=True):
        (tmp_path / variable).write_text(content)
        monkeypatch.setenv(variable, str(tmp_path / variable))
    assert event_files.main(["post", "github-release"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("name", "variable"), [("github-release", "RELAY_PORT"), ("schedule", "LAMBDA_PORT")])
def test_make_event_names_the_variable_that_is_no_port(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "abc")
    assert event_files.main(["post", name]) == 2
    assert capsys.readouterr().err == f"{variable}: expected a port number, not 'abc'\n"


def test_a_source_that_the_configuration_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "relay.yaml"
    empty.write_text("sources: {ci: {verify: bearer}}\n")
    monkeypatch.setenv("CONFIG", str(empty))
    assert event_files.main(["post", "github-release"]) == 2
    assert "source github: the configuration has no such source" in capsys.readouterr().err


def test_an_edited_file_is_signed_in_place(tmp_path: Path) -> None:
    edited = tmp_path / "webhook-edited.json"
    event = event_files.load("stripe-payment-failed")
    edited.write_text(json.dumps(event | {"body": event["body"].replace("HW-0042", "HW-0043")}))
    with pytest.raises(NotAuthenticated):
        check(json.loads(edited.read_text()))
    assert event_files.main(["sign", str(edited)]) == 0
    check(json.loads(edited.read_text()))


def test_a_fresh_copy_is_written_where_asked(tmp_path: Path) -> None:
    output = tmp_path / "fresh.json"
    assert event_files.main(["fresh", "stripe-payment-failed", "--output", str(output)]) == 0
    check(json.loads(output.read_text()), datetime.now(UTC))


@each_webhook
def test_the_whole_relay_takes_the_event(name: str, stack: Stack, eventually: Callable[..., Any]) -> None:
    event = event_files.fresh(name, KNOWN)
    answer = event_files.post(event, urlsplit(stack.relay_url).port or 0)
    assert answer.status in (200, 202, 204), str(answer)
    if name not in HANDSHAKES:
        eventually(lambda: requests.get(f"{stack.sandbox_url}/sandbox/messages", timeout=5).json()["messages"])
