"""Whatever a holder of the token pushes gets an answer below 500, and a stranger gets 401 for everything.

`make soak` pushes 20,000 bodies. CHAOS_SEED chooses them, and a failure names it.
"""

import http.client
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest

from sandbox.omni_api.xml import render_xml
from tests.support.hostility import NASTY_TEXTS
from tests.support.proxies import ProxiedStack
from tests.support.relay_stack import Relay

SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
THREADS = 8
TYPES = ("application/json", "application/xml", "text/plain", "application/x-www-form-urlencoded", "", "\xff/;;=")
REPORT = {
    "bulkId": "b",
    "messageId": "m",
    "to": "41793026727",
    "sentAt": "2031-05-24T10:45:38.000+0000",
    "doneAt": "2031-05-24T10:45:39.000+0000",
    "messageCount": 1,
    "mccMnc": "22801",
    "price": {"pricePerMessage": 0.01, "currency": "EUR"},
    "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"},
    "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "permanent": False},
    "channel": "VIBER",
}
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**63, 10**400, 1e308, 0.1, "", "3", [], {}, [[]], {"groupId": 3}, {"id": "x"}, [REPORT]),
    *NASTY_TEXTS,
)


@pytest.fixture
def relay(followed_stack: ProxiedStack) -> Relay:
    relay = Relay(followed_stack)
    relay.clean()
    return relay


def bodies(count: int) -> Iterator[bytes]:
    chance = random.Random(SEED)
    yield json.dumps({"results": [REPORT] * 2_001}).encode()
    yield b"[" * 100_000
    yield b"<a>" * 100_000
    yield b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    for _ in range(count - 4):
        yield _body(chance)


def _body(chance: random.Random) -> bytes:
    content: Any = {"results": [_report(chance) for _ in range(chance.choice((0, 1, 1, 1, 2, 5)))]}
    if chance.random() < 0.1:
        content = chance.choice((content["results"], {"results": chance.choice(VALUES)}, chance.choice(VALUES)))
    if chance.random() < 0.3 and isinstance(content, dict):
        body = render_xml("omniReportsResponse", content)
    else:
        body = json.dumps(content, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return _torn(chance, body) if chance.random() < 0.4 else body


def _report(chance: random.Random) -> Any:
    """A report in which some fields, or fields of fields, are gone or something else."""
    report: dict[str, Any] = deepcopy(REPORT)
    report["messageId"] = f"m{chance.randrange(10**6)}"
    for _ in range(chance.choice((0, 1, 1, 2, 6))):
        place = chance.choice([report, *(value for value in report.values() if isinstance(value, dict))])
        name = chance.choice(list(place) or ["x"])
        if chance.random() < 0.2:
            place.pop(name, None)
        else:
            place[name] = deepcopy(chance.choice(VALUES))
    return report


def _torn(chance: random.Random, body: bytes) -> bytes:
    """The body cut off, or with some bytes changed, put in or left out."""
    torn = bytearray(body)
    for _ in range(chance.choice((1, 2, 8))):
        at = chance.randrange(len(torn) + 1)
        torn[at : at + chance.choice((0, 0, 1, 40))] = chance.randbytes(chance.choice((0, 1, 3)))
    return bytes(torn[: chance.randrange(len(torn) + 1)]) if chance.random() < 0.2 else bytes(torn)


def push(relay: Relay, token: str, body: bytes, content_type: str) -> int:
    port = int(relay.stack.relay_url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", f"/reports/{token}", body, {"Content-Type": content_type.encode("latin-1")})
        return connection.getresponse().status
    finally:
        connection.close()


def pushed(relay: Relay, token: str, count: int) -> Counter[int]:
    chance = random.Random(f"{SEED}/types")
    with ThreadPoolExecutor(THREADS) as senders:
        answers = [senders.submit(push, relay, token, body, chance.choice(TYPES)) for body in bodies(count)]
        return Counter(answer.result() for answer in answers)


def exceptions(relay: Relay) -> list[str]:
    lines = relay.all_lines("ReportFunction")
    return [f"CHAOS_SEED={SEED}: {line['exception']}" for line in lines if "exception" in line]


def test_three_hundred_hostile_bodies_get_no_5xx(relay: Relay) -> None:
    answers = pushed(relay, relay.stack.report_token, 300)
    assert exceptions(relay) == []
    assert set(answers) <= {200, 400, 413, 415, 422}, f"CHAOS_SEED={SEED}: {answers}"
    assert answers[200] > 100


@pytest.mark.slow  # takes minutes
def test_twenty_thousand_hostile_bodies_get_no_5xx(relay: Relay) -> None:
    answers = pushed(relay, relay.stack.report_token, 20_000)
    assert exceptions(relay) == []
    assert set(answers) <= {200, 400, 413, 415, 422}, f"CHAOS_SEED={SEED}: {answers}"
    assert answers.total() == 20_000


@pytest.mark.parametrize("token", ["x", "%00", "%F0%9F%98%80", "a%20b", "A" * 5_000])
def test_a_stranger_gets_401_whatever_he_sends(relay: Relay, token: str) -> None:
    """The beginning of the right token is wrong, too."""
    known = relay.stack.report_token
    for wrong in (token, known[:-1], f"{known}x", known.swapcase()):
        assert push(relay, wrong, json.dumps({"results": [REPORT]}).encode(), "application/json") == 401
    assert exceptions(relay) == []
