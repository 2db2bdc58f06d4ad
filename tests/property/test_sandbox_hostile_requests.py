"""The sandbox answers any bytes with a status of its own, never with a 500."""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.omni_api.server import serving
from sandbox.omni_api.settings import SandboxSettings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
NAMES = [
    "destinations", "messageId", "to", "phoneNumber", "emailAddress", "text", "mailSubject", "bulkId", "scenarioKey",
    "sms", "viber", "email", "validityPeriod", "validityPeriodTimeUnit", "sendAt", "notifyUrl", "notifyContentType",
    "callbackData", "intermediateReport", "notify", "flow", "name", "channel", "from", "default", "defaultScenario",
]  # fmt: skip
VALUES = JSON | st.sampled_from(["41793026727", "41790003002", "SMS", "MINUTES", "2031-05-24T10:45:38.000+0000"])
NESTED = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)
DESTINATION = st.fixed_dictionaries({"to": NESTED}, optional={"messageId": VALUES})
LIKELY = st.fixed_dictionaries(
    {"destinations": st.lists(DESTINATION | NESTED, max_size=3)},
    optional={name: NESTED for name in NAMES if name not in {"destinations", "notifyUrl"}},
)
BODIES = st.one_of(
    st.binary(max_size=200),
    (LIKELY | NESTED).map(lambda value: json.dumps(value).encode()),
    st.lists(st.sampled_from([f"<{name}>" for name in NAMES] + [f"</{name}>" for name in NAMES] + ["1", "&amp;"])).map(
        lambda parts: f"<request>{''.join(parts)}</request>".encode()
    ),
)
CALLS = st.sampled_from(
    [
        ("POST", "/omni/1/text"),
        ("POST", "/omni/1/advanced"),
        ("POST", "/omni/1/scenarios"),
        ("PUT", "/omni/1/scenarios/AD9E01A5DC7BEE2C2B828D208182A611"),
        ("GET", "/omni/1/reports"),
        ("GET", "/omni/1/logs"),
        ("GET", "/sandbox/messages"),
        ("POST", "/sandbox/clock"),
        ("POST", "/sandbox/trail"),
        ("GET", "/"),
    ]
)

pytestmark = pytest.mark.no_cover  # unit tests cover this code, and tracing thousands of examples takes long
TYPES = st.sampled_from(["application/json", "application/xml", "text/xml;charset=x", "text/plain", ";", ""])
QUERIES = st.sampled_from(["", "?limit=1", "?limit=%00", "?sentSince=0001-01-01T00:00:00%2B23:00", "?messageId=%ff"])


@pytest.fixture(scope="module")
def connection() -> Iterator[http.client.HTTPConnection]:
    with serving(SandboxSettings(max_messages=100)) as base:
        parts = urlsplit(base)
        opened = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        yield opened
        opened.close()


@settings(max_examples=400, deadline=None)
@given(call=CALLS, body=BODIES, formats=st.tuples(TYPES, TYPES), query=QUERIES)
def test_no_request_gets_a_500(
    connection: http.client.HTTPConnection,
    call: tuple[str, str],
    body: bytes,
    formats: tuple[str, str],
    query: str,
) -> None:
    headers = {"Authorization": "App sandbox-api-key", "Content-Type": formats[0], "Accept": formats[1]}
    connection.request(call[0], call[1] + query, body, headers)
    answer = connection.getresponse()
    content = answer.read()

    assert answer.status in {200, 201, 204, 400, 404, 413, 429}
    if answer.headers["Content-Type"] == "application/json":
        json.loads(content)
