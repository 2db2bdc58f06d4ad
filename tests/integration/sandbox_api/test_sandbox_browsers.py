"""A web page that a developer has open can't change anything in the sandbox. Other clients and its own pages can."""

from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

SCENARIO = {"name": "planted", "flow": [{"from": "me", "channel": "SMS"}]}
SEND = {"destinations": [{"to": {"phoneNumber": "41793026727"}}], "text": "planted"}
SEED = "AD9E01A5DC7BEE2C2B828D208182A611"
CHANGES = [
    ("POST", "/sandbox/faults", {"kind": "status", "status": 500}),
    ("DELETE", "/sandbox/faults", None),
    ("POST", "/sandbox/clock", {"timeScale": 60}),
    ("POST", "/sandbox/trail", {"messageIds": ["kept"], "route": "planted"}),
    ("DELETE", "/sandbox/messages", None),
    ("POST", "/omni/1/text", SEND),
    ("POST", "/1/omni/1/advanced", {**SEND, "sms": {"text": "planted"}}),
    ("POST", "/omni/1/scenarios", SCENARIO),
    ("PUT", f"/omni/1/scenarios/{SEED}", SCENARIO),
]
CALLS = [pytest.param(*call, id=" ".join(call[:2])) for call in CHANGES]
FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},  # a server of the developer's own, on another port
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
PLACES = ["/sandbox/messages", "/sandbox/faults", "/sandbox/clock", f"/omni/1/scenarios/{SEED}", "/omni/1/scenarios"]


def everything(sandbox: Any) -> list[Any]:
    return [sandbox.ask("GET", place).json() for place in PLACES]


@pytest.fixture
def busy(sandbox: Any) -> Any:
    """A sandbox whose message and fault each of the calls would change."""
    sandbox.send("41793026727", message_id="kept")
    sandbox.settled("kept")
    sandbox.ask("POST", "/sandbox/faults", {"kind": "delay", "delayMs": 0})
    return sandbox


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: "-".join(*headers.items()))
def test_a_foreign_page_changes_nothing(busy: Any, method: str, path: str, body: Any, headers: dict[str, str]) -> None:
    before = everything(busy)
    refused = busy.ask(method, path, body, {"Content-Type": "text/plain", **headers})

    assert refused.status == 403
    exception = refused.json()["requestError"]["serviceException"]
    assert exception["messageId"] == "FORBIDDEN"
    ((name, value),) = headers.items()
    assert exception["text"] == f"A web page of another origin must not do this: {name} {value!r}"
    assert everything(busy) == before


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_its_own_pages_and_clients_without_an_origin_pass(
    start_sandbox: Any, method: str, path: str, body: Any, site: str | None
) -> None:
    sandbox = start_sandbox()
    headers = {"Sec-Fetch-Site": site, "Origin": sandbox.base} if site else {}

    assert sandbox.ask(method, path, body, headers).status in {200, 201, 204}


def test_any_page_may_link_to_the_inbox(sandbox: Any) -> None:
    headers = {"Origin": "https://docs.example", "Sec-Fetch-Site": "cross-site"}

    assert sandbox.ask("GET", "/", headers=headers).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8025", "localhost.evil.example", "127.0.0.1.evil", "["])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/sandbox/messages"), ("GET", "/"), ("DELETE", "/sandbox/faults")]
)
def test_a_name_that_dns_may_have_been_rebound_to_this_machine_is_refused(
    busy: Any, method: str, path: str, host: str
) -> None:
    before = everything(busy)
    refused = busy.ask(method, path, headers={"Host": host, "Origin": f"http://{host}"})

    assert refused.status == 403
    assert repr(host) in refused.json()["requestError"]["serviceException"]["text"]
    assert everything(busy) == before


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9", "172.17.0.1:80", "relay.localhost", "host.docker.internal:80"],
)
def test_the_names_and_addresses_of_this_machine_pass(sandbox: Any, host: str) -> None:
    assert sandbox.ask("DELETE", "/sandbox/faults", headers={"Host": host}).status == 204


def test_a_further_name_passes_once_it_is_configured(sandbox: Any, start_sandbox: Any) -> None:
    named = start_sandbox(hosts=frozenset({"omni.test"}))

    assert sandbox.ask("DELETE", "/sandbox/faults", headers={"Host": "omni.test:80"}).status == 403
    assert named.ask("DELETE", "/sandbox/faults", headers={"Host": "omni.test:80"}).status == 204


def test_a_refusal_is_xml_for_those_who_want_xml(sandbox: Any) -> None:
    headers = {"Origin": "<evil>", "Accept": "application/xml"}
    refused = sandbox.ask("POST", "/omni/1/text", b"<request/>", headers)

    assert refused.status == 403
    assert fromstring(refused.body).findtext("serviceException/messageId") == "FORBIDDEN"
