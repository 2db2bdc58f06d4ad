"""The client keeps one connection, never sends a request twice, and ignores the environment."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from omni.authorization import InvalidAuthorization
from omni.client import OmniClient
from omni.errors import BadRequest, TransportError, UnexpectedStatus
from omni.models import Destination, TextRequest, To
from tests.unit.omni.scripted_server import Server

Make = Callable[..., OmniClient]
REQUEST = TextRequest(destinations=(Destination(to=To(phone_number="41793026727")),), text="hello")


def test_two_calls_share_one_connection(server: Server, client: OmniClient) -> None:
    server.answer()
    server.answer()

    client.send_text(REQUEST)
    client.send_text(REQUEST)

    assert (server.connections, len(server.received)) == (1, 2)


def test_an_error_answer_leaves_the_connection_usable(server: Server, client: OmniClient) -> None:
    server.answer({"requestError": {}}, status=400)
    server.answer()

    with pytest.raises(BadRequest):
        client.send_text(REQUEST)
    client.send_text(REQUEST)

    assert server.connections == 1


def test_a_connection_that_the_server_closed_while_idle_is_replaced(server: Server, client: OmniClient) -> None:
    server.answer(then_close=True)
    server.answer()

    client.send_text(REQUEST)
    assert server.closed.wait(5)
    client.send_text(REQUEST)

    assert (server.connections, len(server.received)) == (2, 2)


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_kept_connection_that_breaks_under_the_request_is_an_error_not_a_second_sending(
    server: Server, client: OmniClient, ending: str
) -> None:
    server.answer()
    getattr(server, ending)()
    server.answer()

    client.send_text(REQUEST)
    with pytest.raises(TransportError) as raised:
        client.send_text(REQUEST)

    assert raised.value.may_have_arrived
    assert len(server.received) == 2


def test_after_a_broken_call_the_next_one_gets_a_fresh_connection(server: Server, client: OmniClient) -> None:
    server.drip(b"", b"H")
    server.answer()

    with pytest.raises(TransportError):
        client.send_text(REQUEST, deadline=0.1)

    assert client.send_text(REQUEST).messages
    assert server.connections == 2


def test_each_thread_keeps_its_own_deadline(server: Server, client: OmniClient) -> None:
    server.drip(b"", b"H")
    slow: list[TransportError] = []

    def drip() -> None:
        try:
            client.send_text(REQUEST, deadline=0.5)
        except TransportError as error:
            slow.append(error)

    thread = threading.Thread(target=drip)
    thread.start()
    server.wait_for_requests(1)
    server.answer()

    assert client.send_text(REQUEST, deadline=3).messages
    thread.join(5)
    assert [error.kind for error in slow] == ["deadline"]


def test_a_redirect_is_not_followed_and_gets_no_credentials(server: Server, client: OmniClient) -> None:
    server.answer(b"", status=302, headers={"Location": f"{server.url}/elsewhere"})

    with pytest.raises(UnexpectedStatus):
        client.send_text(REQUEST)

    assert len(server.received) == 1


def test_proxies_and_netrc_of_the_environment_play_no_part(
    server: Server, make_client: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answer()

    make_client(server.url).send_text(REQUEST)

    assert server.received[0].headers["authorization"] == "App secret-api-key-1234"


def test_cookies_are_not_kept(server: Server, client: OmniClient) -> None:
    server.answer(headers={"Set-Cookie": "session=1; Path=/"})
    server.answer()

    client.send_text(REQUEST)
    client.send_text(REQUEST)

    assert "cookie" not in server.received[1].headers


def test_a_trailing_slash_and_a_path_of_the_base_url_are_fine(server: Server, make_client: Make) -> None:
    server.answer()

    make_client(f"{server.url}/1/").send_text(REQUEST)

    assert server.received[0].target == "/1/omni/1/text"


@pytest.mark.parametrize(
    "url",
    [
        *("", "api.infobip.com", "ftp://host", "https://", "https://u:p@host", "https://host?x=1", "https://host#x"),
        *("https://host?", "https://host#", "https://ho\nst", "https://ho st", "https://hôst", "https://host/{{x}}"),
        *("https://host:port", "https://host:0", "https://host:65536", "https://[host", "https://:443"),
    ],
)
def test_a_base_url_that_is_not_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL") as raised:
        OmniClient(url, "App key")
    assert "host:" not in str(raised.value)


def test_credentials_of_no_known_form_are_refused_without_being_shown() -> None:
    with pytest.raises(InvalidAuthorization) as raised:
        OmniClient("https://api.infobip.com", "Digest hush-hush")

    assert "hush" not in str(raised.value)
