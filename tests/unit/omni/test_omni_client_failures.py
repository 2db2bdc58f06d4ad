"""Each way that a call can fail has its own error type, which says whether the request may have arrived."""

import gzip
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from omni.client import OmniClient
from omni.errors import (
    AnswerError,
    BadRequest,
    Conflict,
    Forbidden,
    MalformedAnswer,
    NotFound,
    ServerError,
    Throttled,
    TransportError,
    Unauthorized,
    UnexpectedStatus,
)
from omni.models import Destination, TextRequest, To
from tests.unit.omni.scripted_server import Server

Make = Callable[..., OmniClient]
REQUEST = TextRequest(destinations=(Destination(to=To(phone_number="41793026727")),), text="the very secret text")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def failure_of(client: OmniClient, **options: Any) -> TransportError:
    with pytest.raises(TransportError) as raised:
        client.send_text(REQUEST, **options)
    return raised.value


@pytest.mark.parametrize(
    ("status", "kind", "traits"),
    [
        (400, BadRequest, set()),
        (401, Unauthorized, {"retryable", "account"}),
        (403, Forbidden, {"retryable", "account"}),
        (404, NotFound, set()),
        (409, Conflict, set()),
        (429, Throttled, {"retryable", "account"}),
        (500, ServerError, {"retryable", "may_have_arrived"}),
        (503, ServerError, {"retryable", "may_have_arrived"}),
        (302, UnexpectedStatus, set()),
        (304, UnexpectedStatus, set()),
        (408, UnexpectedStatus, {"retryable"}),
        (413, UnexpectedStatus, set()),
        (418, UnexpectedStatus, set()),
    ],
)
def test_each_status_is_a_typed_error(
    server: Server, client: OmniClient, status: int, kind: type[AnswerError], traits: set[str]
) -> None:
    server.answer(b"", status=status, headers={"Location": "/elsewhere"})

    with pytest.raises(kind) as raised:
        client.send_text(REQUEST)

    error = raised.value
    assert error.status == status
    assert {trait for trait in ("retryable", "account", "may_have_arrived") if getattr(error, trait)} == traits
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_the_seconds_of_retry_after_are_passed_on(server: Server, client: OmniClient, status: int) -> None:
    server.answer(b"", status=status, headers={"Retry-After": "17"})

    with pytest.raises((Throttled, ServerError)) as raised:
        client.send_text(REQUEST)

    assert raised.value.retry_after == 17.0


def test_an_error_never_shows_the_credentials_or_the_message(server: Server, client: OmniClient) -> None:
    server.answer(
        {"requestError": {"serviceException": {"messageId": "UNAUTHORIZED", "text": "bad App secret-api-key-1234"}}},
        status=401,
    )

    with pytest.raises(Unauthorized) as raised:
        client.send_text(REQUEST)

    assert str(raised.value) == "OMNI answered 401 UNAUTHORIZED"
    assert raised.value.body.text == "bad App ***"
    assert "secret" not in repr(raised.value) + repr(raised.value.args) + repr(client)


def test_a_transport_error_hides_what_requests_knew_of_the_request(server: Server, client: OmniClient) -> None:
    server.reset()

    error = failure_of(client)

    assert error.__context__ is None
    assert error.__cause__ is None
    lines = [line for line in traceback.format_exception(error) if line.startswith("omni.") or "Error" in line]
    assert "secret" not in "".join(lines)


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", b""),
        ("application/json", b"<html>gateway</html>"),
        ("text/html", b"<html>gateway</html>"),
        ("application/json", b"[]"),
        ("application/json", b'"x"'),
        ("application/json", b"{}"),
        ("application/json", b'{"messages": null}'),
        ("application/json", b'{"messages": [{"messageId": "x"}]}'),
        ("application/json", b'{"messages": [{"status": {"groupId": "five"}}]}'),
        ("application/json", b'{"messages": [], "x": NaN}'),
        ("application/json", b'{"messages": ['),
        ("application/json", b'{"messages": [], "x": "\xff"}'),
        ("application/json", b'{"messages": [], "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
        ("application/xml", b""),
        ("application/xml", b"<omniResponse>"),
        ("application/xml", b"<html><body/></html>"),
        ("application/xml", b'<!DOCTYPE x [<!ENTITY e "e">]><omniResponse><messages/></omniResponse>'),
    ],
)
def test_a_success_that_can_not_be_read_may_have_sent_the_message(
    server: Server, client: OmniClient, content_type: str, content: bytes
) -> None:
    server.answer(content, headers={"Content-Type": content_type})

    with pytest.raises(MalformedAnswer) as raised:
        client.send_text(REQUEST)

    assert raised.value.may_have_arrived
    assert raised.value.retryable
    assert raised.value.content == content
    assert raised.value.__context__ is None
    assert "gateway" not in repr(raised.value)


def test_nothing_was_sent_when_the_connection_is_refused(make_client: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    error = failure_of(make_client(f"http://127.0.0.1:{port}"))

    assert (error.kind, error.may_have_arrived, error.retryable) == ("connect", False, True)


def test_connecting_is_not_tried_again(make_client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lookups: list[str] = []

    def no_address(host: str, *_: object, **__: object) -> list[object]:
        lookups.append(host)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", no_address)

    failure_of(make_client("http://omni.invalid"))

    assert lookups == ["omni.invalid"]


def test_nothing_was_sent_when_the_host_is_unknown(make_client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_found(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", not_found)

    error = failure_of(make_client("http://omni.invalid"))

    assert (error.kind, error.may_have_arrived) == ("connect", False)


def test_nothing_was_sent_when_connecting_takes_too_long(make_client: Make, full_backlog: tuple[str, int]) -> None:
    host, port = full_backlog

    error = failure_of(make_client(f"http://{host}:{port}", connect_timeout=0.2))

    assert (error.kind, error.may_have_arrived) == ("connect", False)


def test_all_addresses_of_a_host_share_the_deadline(
    make_client: Make, full_backlog: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", full_backlog)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address] * 50)
    client = make_client("http://omni.invalid", connect_timeout=0.2, deadline=0.5)
    started = time.monotonic()

    error = failure_of(client)

    assert (error.kind, error.may_have_arrived) == ("deadline", False)
    assert time.monotonic() - started < 5  # one address after the other would take ten seconds


def test_a_second_address_is_tried_when_the_first_refuses(
    server: Server, make_client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        dead = free.getsockname()
    alive = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in (dead, alive)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    server.answer()

    make_client("http://omni.invalid").send_text(REQUEST)

    assert len(server.received) == 1


def test_a_reset_after_the_request_left_may_have_sent_it(server: Server, client: OmniClient) -> None:
    server.reset()

    error = failure_of(client)

    assert (error.kind, error.may_have_arrived) == ("connection closed", True)
    assert len(server.received) == 1


def test_a_silent_server_may_have_taken_the_request(server: Server, make_client: Make) -> None:
    server.stay_silent()

    error = failure_of(make_client(server.url, read_timeout=0.1))

    assert (error.kind, error.may_have_arrived) == ("timeout", True)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        (HEAD, b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    ],
    ids=["status line", "headers", "chunks", "body of known length", "body until the end"],
)
def test_a_drip_of_bytes_does_not_outlast_the_deadline(
    server: Server, client: OmniClient, head: bytes, piece: bytes
) -> None:
    server.drip(head, piece)
    started = time.monotonic()

    error = failure_of(client, deadline=0.3)

    assert (error.kind, error.may_have_arrived) == ("deadline", True)
    assert time.monotonic() - started < 5  # the pieces never end


@pytest.mark.parametrize(
    ("limits", "kind"), [({"deadline": 0.4, "read_timeout": 60}, "deadline"), ({"read_timeout": 0.2}, "timeout")]
)
def test_a_server_that_does_not_read_can_not_hold_a_large_request(
    server: Server, make_client: Make, limits: dict[str, float], kind: str
) -> None:
    server.reads = False
    request = REQUEST.model_copy(update={"text": "x" * 30_000_000})
    client = make_client(server.url, **{"connect_timeout": 30, "deadline": 30, **limits})
    started = time.monotonic()

    with pytest.raises(TransportError) as raised:
        client.send_text(request)

    assert (raised.value.kind, raised.value.may_have_arrived) == (kind, True)
    assert time.monotonic() - started < 10


def test_a_deadline_that_has_passed_sends_nothing(server: Server, client: OmniClient) -> None:
    error = failure_of(client, deadline=0)

    assert (error.kind, error.may_have_arrived) == ("deadline", False)
    assert server.received == []


def test_an_endless_answer_is_cut_off(server: Server, make_client: Make) -> None:
    server.pour(HEAD, b"400\r\n" + b" " * 1024 + b"\r\n")

    with pytest.raises(MalformedAnswer, match="larger than 50000 bytes"):
        make_client(server.url, max_answer_bytes=50_000).send_text(REQUEST)


def test_a_compressed_answer_counts_by_what_it_unpacks_to(server: Server, make_client: Make) -> None:
    server.answer(gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"})

    with pytest.raises(MalformedAnswer, match="larger than"):
        make_client(server.url, max_answer_bytes=1_000_000).send_text(REQUEST)


def test_a_broken_compression_is_a_malformed_answer(server: Server, client: OmniClient) -> None:
    server.answer(b"not gzip at all", headers={"Content-Encoding": "gzip"})

    with pytest.raises(MalformedAnswer):
        client.send_text(REQUEST)


def test_half_an_answer_may_have_sent_the_message(server: Server, client: OmniClient) -> None:
    server.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"messages": []')

    assert failure_of(client).may_have_arrived


def test_what_is_not_http_may_have_sent_the_message(server: Server, client: OmniClient) -> None:
    server.raw(b"\x00\xff SSH-2.0-nonsense\r\n\r\n")

    assert failure_of(client).may_have_arrived


def test_half_of_an_errors_body_still_leaves_its_status(server: Server, client: OmniClient) -> None:
    server.raw(b"HTTP/1.1 503 X\r\nRetry-After: 3\r\nContent-Length: 500\r\n\r\n{")

    with pytest.raises(ServerError) as raised:
        client.send_text(REQUEST)

    assert raised.value.retry_after == 3.0


def test_an_untrusted_certificate_gets_no_request(tls_server: Server, make_client: Make) -> None:
    error = failure_of(make_client(tls_server.url))

    assert (error.kind, error.may_have_arrived) == ("tls", False)
    assert tls_server.received == []


def test_the_deadline_holds_over_tls_too(tls_server: Server, make_client: Make, certificate: Path) -> None:
    session = requests.Session()
    session.verify = str(certificate)
    client = make_client(tls_server.url, session=session)
    tls_server.answer()
    tls_server.drip(HEAD, b"1\r\n \r\n")

    assert client.send_text(REQUEST).messages
    started = time.monotonic()
    error = failure_of(client, deadline=0.3)

    assert (error.kind, error.may_have_arrived) == ("deadline", True)
    assert time.monotonic() - started < 5  # the pieces never end
