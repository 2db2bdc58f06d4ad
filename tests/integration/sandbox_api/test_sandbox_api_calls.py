"""The API over real sockets: both paths, both formats, errors, scenarios, reports, logs, load."""

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

TEXT = {"destinations": [{"to": {"phoneNumber": "41793026727"}}], "text": "Hello"}
ENDPOINTS = [
    ("POST", "/text"),
    ("POST", "/advanced"),
    ("GET", "/scenarios"),
    ("POST", "/scenarios"),
    ("GET", "/scenarios/AD9E01A5DC7BEE2C2B828D208182A611"),
    ("PUT", "/scenarios/AD9E01A5DC7BEE2C2B828D208182A611"),
    ("GET", "/reports"),
    ("GET", "/logs"),
]


@pytest.mark.parametrize("prefix", ["/omni/1", "/1/omni/1"])
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_every_endpoint_wants_authorization_under_both_paths(sandbox: Any, prefix: str, method: str, path: str) -> None:
    refused = sandbox.ask(method, prefix + path, b"{", {"Authorization": "App wrong"})

    assert refused.status == 401
    assert list(refused.json()) == ["requestError"]
    assert set(refused.json()["requestError"]["serviceException"]) == {"messageId", "text"}
    assert refused.json()["requestError"]["serviceException"]["messageId"] == "UNAUTHORIZED"
    assert sandbox.ask(method, prefix + path, b"{").status == (200 if method == "GET" else 400)


def test_further_credentials_can_be_configured(start_sandbox: Any) -> None:
    own = start_sandbox(credentials=("Bearer of-mine", "IBSSO token"))

    for value in ("bearer of-mine", "IBSSO token", "App sandbox-api-key"):
        assert own.ask("GET", "/omni/1/scenarios", headers={"Authorization": value}).status == 200
    assert own.ask("GET", "/omni/1/scenarios", headers={"Authorization": "IBSSO of-mine"}).status == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "message_id"),
    [
        ("GET", "/omni/1/nothing", 404, "NOT_FOUND"),
        ("GET", "/omni/1/scenarios/", 404, "NOT_FOUND"),
        ("DELETE", "/omni/1/scenarios", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/omni/1/scenarios/0000", 404, "NOT_FOUND"),
        ("PUT", "/omni/1/scenarios/0000", 404, "NOT_FOUND"),
        ("GET", "/omni/1/reports?limit=5000", 400, "BAD_REQUEST"),
        ("GET", "/omni/1/logs?generalStatus=FINE", 400, "BAD_REQUEST"),
        ("GET", "/omni/1/logs?sentSince=yesterday", 400, "BAD_REQUEST"),
        ("GET", "/omni/1/scenarios?isDefault=perhaps", 400, "BAD_REQUEST"),
    ],
)
def test_every_refusal_has_the_api_s_shape(sandbox: Any, method: str, path: str, status: int, message_id: str) -> None:
    reply = sandbox.ask(method, path)

    assert reply.status == status
    assert reply.headers["content-type"].startswith("application/json")
    assert list(reply.json()) == ["requestError"]
    assert reply.json()["requestError"]["serviceException"]["messageId"] == message_id


def test_a_body_in_another_format_is_refused(sandbox: Any) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    assert sandbox.ask("POST", "/omni/1/text", json.dumps(TEXT).encode(), form).status == 400


def test_a_body_beyond_the_limit_is_refused_and_one_at_the_limit_is_read(start_sandbox: Any) -> None:
    small = start_sandbox(max_body_bytes=1000)
    body = json.dumps(TEXT).encode()

    assert small.ask("POST", "/omni/1/text", body + b" " * (1000 - len(body))).status == 200
    assert small.ask("POST", "/omni/1/text", body + b" " * (1001 - len(body))).status == 413


def test_a_body_far_beyond_the_limit_still_gets_its_answer(start_sandbox: Any) -> None:
    small = start_sandbox(max_body_bytes=1_000_000)

    assert small.ask("POST", "/omni/1/text", b" " * 9_000_000).json()["requestError"]["serviceException"]["text"]


def test_entity_bombs_are_refused(sandbox: Any) -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE request [<!ENTITY l0 "ha">{levels}]><request><text>&l9;</text></request>'
    reply = sandbox.ask("POST", "/omni/1/text", bomb.encode(), {"Content-Type": "application/xml"})

    assert reply.status == 400
    assert fromstring(reply.body).findtext("serviceException/messageId") == "BAD_REQUEST"


def test_an_advanced_request_in_xml_is_the_same_as_in_json(sandbox: Any) -> None:
    document = b"""<request><destinations><destination><messageId>x</messageId><to>
    <phoneNumber>41793026727</phoneNumber></to></destination></destinations><callbackData>back</callbackData><intermediateReport>true</intermediateReport>
    <sms><text>a &lt; b</text><validityPeriod>5</validityPeriod></sms></request>"""
    reply = sandbox.ask(
        "POST", "/omni/1/advanced", document, {"Content-Type": "application/xml", "Accept": "application/json"}
    )

    assert reply.json()["messages"][0]["status"]["id"] == 7
    message = sandbox.settled("x")
    assert message["channels"] == {"sms": {"text": "a < b", "validityPeriod": 5}}
    assert (message["text"], message["callbackData"]) == ("a < b", "back")
    assert message["report"]["callbackData"] == "back"
    assert message["request"] == {"endpoint": "/omni/1/advanced", "format": "XML"}


def test_failover_shows_two_steps_and_the_channel_that_carried_it(sandbox: Any) -> None:
    sandbox.send("41790003002", message_id="x", scenarioKey="AD9E01A5DC7BEE2C2B828D208182A611")
    message = sandbox.settled("x")

    assert message["scenarioKey"] == "AD9E01A5DC7BEE2C2B828D208182A611"
    assert [(step["channel"], step["status"]["groupName"]) for step in message["steps"]] == [
        ("VIBER", "UNDELIVERABLE"),
        ("SMS", "DELIVERED"),
    ]
    assert message["steps"][0]["endedAt"] <= message["steps"][1]["startedAt"]
    assert message["report"]["channel"] == "SMS"
    assert message["status"]["groupName"] == "DELIVERED"


def test_a_fast_clock_lets_days_pass_in_moments(sandbox: Any) -> None:
    sandbox.send("41790004100", message_id="x")
    assert sandbox.messages()[0]["status"]["groupName"] == "PENDING"

    assert sandbox.ask("POST", "/sandbox/clock", {"timeScale": 1_000_000}).json() == {"timeScale": 1_000_000}

    assert sandbox.settled("x")["status"]["groupName"] == "EXPIRED"


def test_a_configured_scenario_key_is_known(sandbox: Any) -> None:
    assert sandbox.send("41793026727", scenarioKey="1" * 32).status == 200
    assert sandbox.send("41793026727", scenarioKey="2" * 32).status == 400
    assert sandbox.ask("GET", f"/omni/1/scenarios/{'1' * 32}").json()["name"] == "incident"


def test_a_scenario_made_in_xml_can_be_read_changed_and_used(start_sandbox: Any) -> None:
    own = start_sandbox()
    xml = {"Content-Type": "application/xml"}
    step = b"<flow><step><from>me</from><channel>VOICE</channel></step></flow>"
    made = own.ask("POST", "/omni/1/scenarios", b"<scenario><name>n</name>" + step + b"</scenario>", xml)
    assert made.status == 201
    key = fromstring(made.body).findtext("key")

    listed = fromstring(own.ask("GET", "/omni/1/scenarios?limit=1&page=2", headers=xml).body)
    assert (listed.tag, [child.tag for child in listed[0]]) == ("scenariosResponse", ["scenario"])
    assert listed.findtext("scenarios/scenario/key") == key
    changed = {"name": "m", "flow": [{"from": "you", "channel": "EMAIL"}, {"from": "me", "channel": "VOICE"}]}
    assert own.ask("PUT", f"/omni/1/scenarios/{key}", changed).json() == {
        "key": key,
        **changed,
        "default": False,
        "defaultScenario": False,
    }
    own.send("41793026727", message_id="x", scenarioKey=key)
    assert own.settled("x")["report"]["channel"] == "VOICE"


@pytest.mark.parametrize(("path", "root"), [("reports", "omniReportsResponse"), ("logs", "omniLogsResponse")])
def test_reports_and_logs_come_in_xml_too(sandbox: Any, path: str, root: str) -> None:
    sandbox.send("41793026727", message_id="x")
    sandbox.settled("x")
    document = fromstring(sandbox.ask("GET", f"/omni/1/{path}", headers={"Accept": "application/xml"}).body)

    assert document.tag == root
    assert document.findtext("results/result/messageId") == "x"
    assert len(document.findtext("results/result/doneAt") or "") == len("2031-05-24T10:45:38.000+0000")


def test_one_connection_serves_many_calls_without_the_delays_of_small_packets(sandbox: Any) -> None:
    connection = http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=10)
    headers = {"Authorization": "App sandbox-api-key", "Content-Type": "application/json"}
    ports, times = set(), []
    for _ in range(40):
        began = time.monotonic()
        connection.request("POST", "/omni/1/text", json.dumps(TEXT), headers)
        assert connection.getresponse().read()
        times.append(time.monotonic() - began)
        ports.add(connection.sock.getsockname())
    connection.close()

    assert len(ports) == 1
    quick = sorted(times)[len(times) // 4]  # a busy machine is often slow, a delayed acknowledgement always
    assert quick < 0.035, "a delayed acknowledgement takes 40 ms"


def test_a_thousand_messages_at_once_are_all_taken_while_many_connections_idle(sandbox: Any) -> None:
    idle = [socket.create_connection((sandbox.host, sandbox.port)) for _ in range(100)]
    with ThreadPoolExecutor(32) as threads:
        replies = list(threads.map(lambda n: sandbox.send("41793026727", message_id=f"m{n}").status, range(1000)))
    for connection in idle:
        connection.close()

    assert replies == [200] * 1000
    sandbox.until(lambda: all(message["report"] for message in sandbox.messages()))
    assert len(sandbox.messages()) == 1000


@pytest.mark.parametrize(
    "request_line",
    [
        b"POST http://sandbox HTTP/1.1",
        b"POST * HTTP/1.1",
        b"GET /omni/1/\xff HTTP/1.1",
        b"GET /omni/1/%ff%00 HTTP/1.1",
        b"GET /sandbox/messages/%2e%2e%2f HTTP/1.1",
        b"CONNECT sandbox:80 HTTP/1.1",
        b"nonsense",
    ],
)
def test_odd_request_lines_get_a_client_error(sandbox: Any, request_line: bytes) -> None:
    with socket.create_connection((sandbox.host, sandbox.port), timeout=10) as connection:
        connection.sendall(request_line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 4")
