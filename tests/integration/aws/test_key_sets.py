"""Key sets come from their own host only, are kept in memory, and serve for a day if the host fails."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from aws import https
from aws.key_sets import LAST_GOOD_SECONDS, RETRY_SECONDS, KeySetsHttp
from relay.problems import Unavailable

URL = "https://keys.example.com/certs"
KEYS = [{"kid": "first", "kty": "RSA"}]


class Host(BaseHTTPRequestHandler):
    """Answers each GET with `status` and `content`, and keeps its path in `asked`."""

    asked: list[str]
    status = 200
    content: bytes

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status)
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    handler: Any = type("Asked", (Host,), {"asked": [], "content": json.dumps({"keys": KEYS}).encode()})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("KEY_SETS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.stale = 0

    def __call__(self) -> float:
        return self.now

    def on_stale(self) -> None:
        self.stale += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sets(clock: Clock) -> KeySetsHttp:
    return KeySetsHttp(clock.on_stale, clock)


def test_a_set_is_fetched_once_until_it_is_too_old(host: Any, sets: KeySetsHttp, clock: Clock) -> None:
    for _ in range(3):
        assert list(sets.keys(URL, 3600)) == KEYS
    assert host.asked == ["/certs"]
    clock.now += 61
    assert list(sets.keys(URL, 3600)) == KEYS
    assert len(host.asked) == 1
    host.content = json.dumps({"keys": [{"kid": "second"}]}).encode()
    assert list(sets.keys(URL, 60)) == [{"kid": "second"}]
    assert len(host.asked) == 2
    assert clock.stale == 0


def test_the_last_good_keys_serve_for_a_day(host: Any, sets: KeySetsHttp, clock: Clock) -> None:
    sets.keys(URL, 3600)
    host.status = 500
    clock.now += LAST_GOOD_SECONDS
    assert list(sets.keys(URL, 3600)) == KEYS
    assert clock.stale == 1
    clock.now += 1
    with pytest.raises(Unavailable):
        sets.keys(URL, 3600)


def test_a_host_that_fails_is_left_alone_for_a_while(host: Any, sets: KeySetsHttp, clock: Clock) -> None:
    host.status = 503
    for _ in range(5):
        with pytest.raises(Unavailable):
            sets.keys(URL, 3600)
    assert len(host.asked) == 1
    clock.now += RETRY_SECONDS + 1
    host.status = 200
    assert list(sets.keys(URL, 3600)) == KEYS
    assert len(host.asked) == 2


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (302, b'{"keys": [{}]}'), (404, b'{"keys": [{}]}'), (403, b""), (500, b"{}"), (200, b""), (200, b"<html>"),
        (200, b"[]"), (200, b"{}"), (200, b'{"keys": {}}'), (200, b'{"keys": []}'), (200, b'{"keys": [1]}'),
        (200, b"[" * 60_000), (200, b'{"keys": [{"x": "' + b"a" * https.MAX_ANSWER_BYTES + b'"}]}'),
    ],
)  # fmt: skip
def test_what_is_no_key_set_replaces_no_keys(
    host: Any, sets: KeySetsHttp, clock: Clock, status: int, content: bytes
) -> None:
    sets.keys(URL, 3600)
    host.status, host.content = status, content
    clock.now += 3601
    assert list(sets.keys(URL, 3600)) == KEYS
    assert host.asked == ["/certs", "/certs"], "a redirect was followed"
    with pytest.raises(Unavailable):
        KeySetsHttp(clock.on_stale, clock).keys(URL, 3600)


def test_each_address_has_its_own_keys(host: Any, sets: KeySetsHttp) -> None:
    sets.keys(URL, 3600)
    host.status = 500
    with pytest.raises(Unavailable):
        sets.keys("https://keys.example.com/others", 3600)
