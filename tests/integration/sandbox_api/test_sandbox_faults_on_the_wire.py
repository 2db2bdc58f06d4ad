"""An ordered fault, as the client meets it on its socket, and the message that the sandbox keeps."""

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


def order(sandbox: Any, **fault: Any) -> None:
    assert sandbox.ask("POST", "/sandbox/faults", fault).status == 201


def raw_send(sandbox: Any, timeout: float = 10) -> socket.socket:
    """A send whose connection the test reads by itself."""
    body = json.dumps({"destinations": [{"messageId": "m", "to": {"phoneNumber": "41793026727"}}], "text": "a"})
    head = (
        "POST /omni/1/text HTTP/1.1\r\nHost: localhost\r\nAuthorization: App sandbox-api-key\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((sandbox.host, sandbox.port), timeout=timeout)
    connection.sendall((head + body).encode())
    return connection


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_status_faults_answer_so_many_sends_in_the_api_s_shape(sandbox: Any, status: int) -> None:
    order(sandbox, kind="status", status=status, headers={"Retry-After": "7"}, count=2)

    for _ in range(2):
        reply = sandbox.send("41793026727")
        assert (reply.status, reply.headers["retry-after"]) == (status, "7")
        assert list(reply.json()) == ["requestError"]
        assert list(reply.json()["requestError"]) == ["serviceException"]
    assert sandbox.messages() == []
    assert sandbox.send("41793026727").status == 200


@pytest.mark.parametrize(("after", "kept"), [(None, 0), ("accept", 1)])
def test_a_reset_is_a_tcp_reset(sandbox: Any, after: str | None, kept: int) -> None:
    order(sandbox, kind="reset", after=after)

    with raw_send(sandbox) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert len(sandbox.messages()) == kept


@pytest.mark.parametrize(("after", "kept"), [(None, 0), ("accept", 1)])
def test_a_timeout_holds_the_connection_until_the_client_leaves(sandbox: Any, after: str | None, kept: int) -> None:
    order(sandbox, kind="timeout", after=after)

    with raw_send(sandbox, timeout=0.3) as connection, pytest.raises(TimeoutError):
        connection.recv(1)
    assert len(sandbox.messages()) == kept
    assert sandbox.send("41793026727").status == 200


def test_a_send_repeated_after_a_lost_answer_is_a_duplicate(sandbox: Any) -> None:
    order(sandbox, kind="reset", after="accept")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        sandbox.send("41793026727", message_id="m")

    (again,) = sandbox.send("41793026727", message_id="m").json()["messages"]

    assert again["status"]["name"] == "REJECTED_DUPLICATE_MESSAGE_ID"
    assert len(sandbox.messages()) == 1


@pytest.mark.parametrize(("after", "kept"), [(None, 0), ("accept", 1)])
def test_garbage_is_a_200_that_cannot_be_read(sandbox: Any, after: str | None, kept: int) -> None:
    order(sandbox, kind="garbage", after=after)
    reply = sandbox.send("41793026727")

    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    with pytest.raises(ValueError, match="Expecting"):
        reply.json()
    assert len(sandbox.messages()) == kept


def test_a_delayed_answer_comes_late_but_whole(sandbox: Any) -> None:
    order(sandbox, kind="delay", delayMs=300)
    began = time.monotonic()
    reply = sandbox.send("41793026727")

    assert time.monotonic() - began >= 0.3
    assert reply.json()["messages"][0]["status"]["groupId"] == 1


def test_a_dripping_answer_keeps_each_read_short_but_takes_its_time(sandbox: Any) -> None:
    order(sandbox, kind="drip", delayMs=2)
    with raw_send(sandbox) as connection:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        first = answer.read1()
        rest = answer.read()
        answer.close()

    assert len(first) < 20
    assert json.loads(first + rest)["messages"][0]["messageId"] == "m"


def test_faults_meet_sends_only_and_end_when_deleted(sandbox: Any) -> None:
    order(sandbox, kind="random", rate=1, kinds=[{"kind": "status", "status": 500}])

    assert sandbox.ask("GET", "/omni/1/scenarios").status == 200
    assert [sandbox.send("41793026727").status for _ in range(3)] == [500, 500, 500]
    assert sandbox.ask("GET", "/sandbox/faults").json()["random"]["rate"] == 1
    assert sandbox.ask("DELETE", "/sandbox/faults").status == 204
    assert sandbox.send("41793026727").status == 200


def test_closing_lets_go_of_held_connections_at_once(start_sandbox: Any) -> None:
    held = start_sandbox()
    order(held, kind="timeout", count=5)
    connections = [raw_send(held) for _ in range(5)]
    held.until(lambda: held.ask("GET", "/sandbox/faults").json()["faults"] == [])
    began = time.monotonic()
    start_sandbox.close()

    assert time.monotonic() - began < 5
    for connection in connections:
        with connection, pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_many_sends_at_once_under_random_faults_lose_and_double_nothing(sandbox: Any) -> None:
    order(sandbox, kind="random", rate=0.4, seed=3, kinds=["reset", {"kind": "reset", "after": "accept"}, "garbage"])

    def deliver(number: int) -> None:
        for _ in range(50):
            try:
                reply = sandbox.send("41793026727", message_id=f"m{number}")
                reply.json()
            except (OSError, http.client.HTTPException, ValueError):
                continue
            return
        pytest.fail("no attempt got through")

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(deliver, range(100)))

    assert sorted(message["messageId"] for message in sandbox.messages()) == sorted(f"m{n}" for n in range(100))
