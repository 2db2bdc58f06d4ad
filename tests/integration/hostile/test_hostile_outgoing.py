"""The relay follows no redirect when it calls SNS, and an unusable OMNI account sends nothing."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest

from aws import https, sns
from aws.circuit import Circuit
from aws.configuration import OmniAccount
from aws.sns import SnsHttp
from handlers.guarded_omni import DOWN, GuardedOmni
from omni.models import TextRequest
from relay.ports import ConfigurationUnavailable
from relay.problems import NotAuthenticated, Unavailable

HOST = "https://sns.eu-central-1.amazonaws.com"
SECRET = "planted-omni-key"


class Server(BaseHTTPRequestHandler):
    """Answers with the status that the path names, and keeps each path in `asked`."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status = int(self.path.rpartition("/")[2].split(".")[0].lstrip("?").split("-")[0])
        body = b"x" * (https.MAX_ANSWER_BYTES + 1 if "long" in self.path else 10)
        self.send_response(status)
        self.send_header("location", "/200-elsewhere.pem")
        self.send_header("content-length", str(len(body) + 5 * ("cut" in self.path)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Starts a server in place of SNS, and gives the paths that it was asked for."""
    handler: Any = type("Asked", (Server,), {"asked": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", f"http://127.0.0.1:{server.server_address[1]}")
    sns._certificate.cache_clear()
    yield handler.asked
    sns._certificate.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_is_fetched_once(asked: list[str]) -> None:
    assert SnsHttp().fetch(f"{HOST}/200.pem") == SnsHttp().fetch(f"{HOST}/200.pem") == b"x" * 10
    assert asked == ["/200.pem"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_message_whose_certificate_sns_does_not_have_is_not_authentic(asked: list[str], status: int) -> None:
    with pytest.raises(NotAuthenticated, match="no such certificate"):
        SnsHttp().fetch(f"{HOST}/{status}.pem")


@pytest.mark.parametrize("name", ["500", "429", "302", "200-long", "200-cut"])
def test_if_the_certificate_can_not_be_fetched_the_sender_may_try_again(asked: list[str], name: str) -> None:
    with pytest.raises(Unavailable):
        SnsHttp().fetch(f"{HOST}/{name}.pem")
    assert asked == [f"/{name}.pem"], "a redirect was followed"


def test_a_confirmation_follows_no_redirect_either(asked: list[str]) -> None:
    with pytest.raises(Unavailable):
        SnsHttp().confirm(f"{HOST}/?302-x")
    assert asked == ["/?302-x"]


class Account:
    def __init__(self, base_url: str, authorization: str) -> None:
        self._account = OmniAccount(base_url, authorization)

    def account(self) -> OmniAccount:
        return self._account


@pytest.mark.parametrize(
    ("base_url", "authorization"),
    [
        ("ftp://api.example.org", f"App {SECRET}"),
        (f"https://user:{SECRET}@api.example.org", f"App {SECRET}"),
        ("https://api.example.org", SECRET),
        ("https://api.example.org", f"App {SECRET}\r\nX-Other: 1"),
        ("", ""),
    ],
)
def test_an_unusable_account_is_reported_as_a_mistake_without_its_values(base_url: str, authorization: str) -> None:
    mistakes: list[str] = []
    table = boto3.client("dynamodb", region_name="eu-central-1", endpoint_url="http://127.0.0.1:9")  # never called
    circuit = Circuit("circuit#omni", table, "table", failures=DOWN, on_transition=print)
    omni = GuardedOmni(Account(base_url, authorization), circuit, on_mistake=mistakes.append)
    with pytest.raises(ConfigurationUnavailable):
        omni.send(TextRequest(destinations=(), text="x"), 1)
    (mistake,) = mistakes
    assert mistake.startswith("omni/base-url or omni/authorization: ")
    assert SECRET not in mistake
