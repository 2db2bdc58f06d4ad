"""The connections of a frozen process are dead, so they are closed before the next request."""

import socket
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from aws import clients
from handlers import composition
from omni.client import OmniClient
from omni.errors import TransportError
from omni.models import TextRequest

ACCEPTED = (
    b'{"messages": [{"to": {"phoneNumber": "41793026727"}, "status": {"id": 7, "groupId": 1}, "messageId": "1"}]}'
)


class OnePerConnection(BaseHTTPRequestHandler):
    """Keeps each connection open after its answer, but drops it at the second request, as Lambda's network does."""

    protocol_version = "HTTP/1.1"
    answered = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.answered:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.answered = True
        body = ACCEPTED if self.path.startswith("/omni") else b"{}"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


@pytest.fixture
def purging() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OnePerConnection) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def table(purging: str) -> Iterator[Callable[[], Any]]:
    """Yields a client that is made once, as in the functions."""

    @cache
    def made() -> Any:
        return boto3.client(
            "dynamodb",
            endpoint_url=purging,
            config=clients._config(1),
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    yield made
    made().close()


def read(client: Any) -> None:
    client.get_item(TableName="table", Key={"id": {"S": "a"}})


def test_a_purged_connection_fails_a_call_of_the_table(table: Callable[[], Any]) -> None:
    read(table())
    with pytest.raises(ConnectionClosedError):
        read(table())


def test_an_invocation_after_a_pause_starts_with_new_connections(
    table: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    connections = clients.IdleConnections(composition._close_connections, clock=lambda: now)
    monkeypatch.setattr(composition, "_connections", connections)
    monkeypatch.setattr(composition, "_CONNECTED", (table, cache(lambda: None)))
    for part in ("environment", "ledger", "outbox", "omni", "configuration", "telemetry", "records", "event_bus"):
        monkeypatch.setattr(composition, part, Mock())
    composition.relayer(Mock())
    read(table())

    now += clients.IdleConnections.LIMIT + 1
    composition.relayer(Mock())

    read(table())


def test_omni_is_called_on_a_new_connection_after_the_old_ones_are_closed(purging: str) -> None:
    request = TextRequest(destinations=(), text="x")
    with OmniClient(purging, "App key") as client:
        client.send_text(request)
        with pytest.raises(TransportError):
            client.send_text(request)
        client.send_text(request)
        client.close()
        client.send_text(request)


@pytest.mark.parametrize(("pause", "closed"), [(0, 0), (19, 0), (21, 1), (86_400, 1), (-60, 1)])
def test_only_connections_that_were_idle_for_long_are_closed(pause: float, closed: int) -> None:
    now, closings = 1_000.0, []
    connections = clients.IdleConnections(lambda: closings.append(now), clock=lambda: now)
    connections.use()
    now += pause
    connections.use()
    connections.use()
    assert len(closings) == closed
