"""Hostile requests over real sockets to real processes get a documented answer and leave no exception.

Schemathesis makes some of them from docs/openapi.yaml; others are random or malformed bytes.
"""

import http.client
import json
import math
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sandbox import event_files
from sandbox.renewal import Sources
from sandbox.signing import sign
from sandbox.stack.stack import Stack
from tests.support import hostility
from tests.support.adversary import Adversary, Pairs
from tests.support.hostility import LEAST, WEBHOOKS

AT_ONCE = 25  # requests per example, four of them in flight
CONFORMANCE = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]{1,60}")
FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # no HTTP server takes these in a header's value
REQUEST_LINES = (
    b"POST /webhooks/github HTTP/1.1",
    b"POST /webhooks/github",
    b"POST  /webhooks/github HTTP/9.9",
    b"POST /" + b"a" * 20_000 + b" HTTP/1.1",
    b"CONNECT a:1 HTTP/1.1",
    b"GET /webhooks/github HTTP/1.1",
    b"\x16\x03\x01",
)
FIELDS = (
    b"Content-Length: -1",
    b"Content-Length: 5, 6",
    b"Content-Length: 4",
    b"Transfer-Encoding: chunked",
    b"Expect: 100-continue",
    b"Host: a\x00b",
    b": empty",
    b"A: " + b"b" * 20_000,
    b"no colon",
    b"X: \xff\xfe",
    b" folded",
)
HOP_BY_HOP = {b"transfer-encoding", b"content-length", b"connection", b"expect", b"upgrade", b"host", b"te"}


@dataclass(frozen=True, slots=True)
class Shot:
    path: str
    headers: Pairs
    body: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    status: int
    headers: dict[str, str]
    text: str
    seconds: float


def hostile(examples: float) -> Callable[[Any], Any]:
    return settings(
        max_examples=math.ceil(examples),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )


def shoot(stack: Stack, shot: Shot) -> Hit:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(stack.relay_url).port or 0, timeout=10)
    started = time.monotonic()
    try:
        connection.putrequest("POST", shot.path, skip_accept_encoding=True)
        connection.putheader("content-length", str(len(shot.body)))
        for name, value in shot.headers:
            connection.putheader(name, value)
        connection.endheaders(shot.body)
        response = connection.getresponse()
        text = response.read().decode()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Hit(response.status, headers, text, time.monotonic() - started)
    finally:
        connection.close()


def sendable(headers: Pairs) -> Pairs:
    """Returns the headers that HTTP can carry, with forbidden bytes replaced."""
    kept = [(name, FORBIDDEN.sub(b"?", value).strip()) for name, value in headers if TOKEN.fullmatch(name)]
    return [(name, value) for name, value in kept if name not in HOP_BY_HOP]


@pytest.fixture
def quiet(stack: Stack) -> Iterator[Stack]:
    """Gives the stack. Checks afterwards that the functions have logged no exception meanwhile, in any form."""
    before = {name: len(stack.log_records(name)) for name in stack.template.functions}
    yield stack
    for name, seen in before.items():
        lines = stack.log_records(name)[seen:]
        assert [line for line in lines if "exception" in line or line.get("level") == "RAW"] == []


def in_time(answer: Any, again: Callable[[], Any], seconds: Callable[[Any], float]) -> bool:
    """Returns whether the first or second try is quick. A busy machine is slow once, a hostile input each time."""
    return seconds(answer) < 1 or seconds(again()) < 1


def test_requests_that_schemathesis_generates_get_answers_of_the_contract(
    quiet: Stack, contract: Any, tally: Counter[int], share: float
) -> None:
    operation = schemathesis.openapi.from_dict(contract.document)["/webhooks/{source}"]["POST"]
    bearer = {"Authorization": f"Bearer {quiet.settings.secrets['sources']['ci']}"}
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @hostile(LEAST["schema"] * share / 2)
    @given(cases, st.booleans())
    def run(case: Any, known: bool) -> None:
        for source in (case.path_parameters.get("source"), "ci" if known else "orders"):
            case.path_parameters["source"] = source
            send = partial(case.call, base_url=quiet.relay_url, headers=bearer)
            response = send()
            assert in_time(response, send, attrgetter("elapsed"))
            case.validate_response(response, checks=CONFORMANCE)
            assert response.status_code < 500
            tally[response.status_code] += 1

    run()
    assert tally.total() >= LEAST["schema"] * share
    assert share < 1 or {200, 401, 404} <= set(tally)


def test_hostile_requests_to_every_source_are_answered_and_leave_no_exception(
    quiet: Stack, contract: Any, tally: Counter[int], share: float
) -> None:
    adversary = Adversary(quiet.settings.config, quiet.settings.secrets)
    names = list(quiet.settings.config["sources"])
    typed = st.sampled_from([*names, *names, "nobody", "a/b", "%00", ""])
    loads = st.one_of(hostility.json_bodies, hostility.form_bodies, hostility.broken_bodies)
    drafts = st.one_of(
        st.tuples(typed, st.booleans(), loads, hostility.content_types, hostility.headers),
        st.one_of(*map(hostility.altered, WEBHOOKS)).map(
            lambda event: (event.source, True, event.body, event.content_type, event.headers)
        ),
    )

    def shot(source: str, signed: bool, body: bytes, content_type: str, headers: Pairs) -> Shot:
        path = f"/webhooks/{quote(source, safe='/%')}"
        found = adversary.signed(source, body, content_type, headers) if signed and source in names else None
        if found is None:
            return Shot(path, sendable(headers), body)
        return Shot(f"{path}?{found.query}", sendable(found.headers), found.body)

    @hostile(LEAST["sockets"] * share / AT_ONCE)
    @given(st.lists(drafts, min_size=AT_ONCE, max_size=AT_ONCE))
    def run(examples: list[Any]) -> None:
        with ThreadPoolExecutor(4) as senders:
            shots = [shot(*draft) for draft in examples]
            shots[0] = replace(shots[0], path="/webhooks/nobody")  # so that a 404 is no matter of luck
            for sent, hit in zip(shots, senders.map(partial(shoot, quiet), shots), strict=True):
                tally[hit.status] += 1
                assert contract.faults(hit.status, hit.headers, hit.text) == []
                assert hit.status < 500
                assert in_time(hit, partial(shoot, quiet, sent), attrgetter("seconds"))

    run()
    assert tally.total() >= LEAST["sockets"] * share
    assert share < 1 or {200, 202, 400, 401, 404} <= set(tally)


def test_malformed_http_is_refused_and_the_next_request_is_served(
    quiet: Stack, tally: Counter[int], share: float
) -> None:
    lines, fields = st.sampled_from(REQUEST_LINES), st.sampled_from(FIELDS)

    @hostile(LEAST["malformed"] * share)
    @given(
        lines, st.lists(fields, max_size=3), st.sampled_from([b"", b"zz\r\n", b"ffffffffff\r\n", b"0\r\n\r\n", b"{}{}"])
    )
    def run(line: bytes, headers: list[bytes], body: bytes) -> None:
        status = exchange(quiet, b"\r\n".join([line, b"Connection: close", *headers, b"", body]))
        tally[status] += 1
        assert status < 500

    run()
    assert tally.total() >= LEAST["malformed"] * share
    event = event_files.fresh("github-release", Sources(quiet.settings.config, quiet.settings.secrets))
    assert event_files.post(event, urlsplit(quiet.relay_url).port or 0).status == 200


def exchange(stack: Stack, data: bytes) -> int:
    """Returns the answer's status, or 0 if the connection was closed without an answer or waits for more bytes."""
    with socket.create_connection(("127.0.0.1", urlsplit(stack.relay_url).port or 0), timeout=1) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            head = connection.recv(4096)
        except (TimeoutError, ConnectionError):
            return 0
    return int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/") else 0


def test_too_many_or_too_large_headers_get_431(quiet: Stack, contract: Any) -> None:
    body = json.dumps({"id": "1", "result": "failed", "project": "p"}).encode()
    for flood in ([(b"x-a", b"b" * 9_000), (b"x-b", b"b" * 9_000)], [(b"x-%d" % n, b"1") for n in range(2_000)]):
        hit = shoot(quiet, Shot("/webhooks/ci", flood, body))
        assert hit.status == 431
        assert contract.faults(hit.status, hit.headers, hit.text) == []


def test_a_body_beyond_the_limit_is_refused_even_if_it_is_signed(quiet: Stack) -> None:
    limit = int(quiet.template.functions["WebhookFunction"].environment["MAX_BODY_BYTES"])
    secret = quiet.settings.secrets["sources"]["github"]
    for size, status in ((limit, 400), (limit + 1, 413)):
        body = b"a" * size
        proof = sign("github", "github", secret, body, event_id="e", now=datetime.now(UTC))
        headers = [(name.encode(), value.encode()) for name, value in proof.items()]
        assert shoot(quiet, Shot("/webhooks/github", headers, body)).status == status
