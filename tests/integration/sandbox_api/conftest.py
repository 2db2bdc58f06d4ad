"""A sandbox on a free port for these tests, and a plain client for it."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.omni_api.server import serving
from sandbox.omni_api.settings import SandboxSettings

KEY = "App sandbox-api-key"
PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Opens a connection per request, so that no test meets leftovers of another."""

    def __init__(self, base: str) -> None:
        self.base = base
        parts = urlsplit(base)
        self.host, self.port = parts.hostname or "", parts.port or 0

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(
                method,
                path,
                content,
                {"Authorization": KEY, "Content-Type": "application/json", "Connection": "close", **(headers or {})},
            )
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()

    def send(self, *phones: str, message_id: str | None = None, **others: Any) -> Reply:
        destinations = [{"messageId": message_id, "to": {"phoneNumber": phone}} for phone in phones]
        return self.ask("POST", "/omni/1/text", {"destinations": destinations, "text": "Hello", **others})

    def messages(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"/sandbox/messages{query}").json()["messages"]
        return found

    def settled(self, message_id: str) -> dict[str, Any]:
        """The message, once its final report is made."""
        found: dict[str, Any] = self.until(
            lambda: next((known for known in self.messages(f"?messageId={message_id}") if known["report"]), None)
        )
        return found

    def until(self, look: Callable[[], Any]) -> Any:
        """Polls until `look` gives something true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (seen := look()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)
        return seen


@pytest.fixture(scope="session")
def _server() -> Iterator[Client]:
    with serving(SandboxSettings(scenario_keys={"incident": "1" * 32})) as base:
        yield Client(base)


@pytest.fixture
def sandbox(_server: Client) -> Client:
    """A sandbox as new: no messages, no known ids, no faults, at its usual pace."""
    _server.ask("DELETE", "/sandbox/faults")
    _server.ask("DELETE", "/sandbox/messages?forget=ids")
    _server.ask("POST", "/sandbox/clock", {"timeScale": 1})
    _server.ask("POST", "/sandbox/account", {"reportUrl": None})
    return _server


class Starter:
    """Starts sandboxes with settings of their own; `close` stops them."""

    def __init__(self) -> None:
        self._running = ExitStack()

    def __call__(self, **settings: Any) -> Client:
        return Client(self._running.enter_context(serving(SandboxSettings(**settings))))

    def close(self) -> None:
        self._running.close()


@pytest.fixture
def start_sandbox() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    starter.close()
