"""Any request becomes a JSON event that keeps its body and headers; any answer becomes a valid response or an error."""

import base64
import json
import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from sandbox.stack.http_events import Received, UnusableAnswer, http_answer, http_event

NAMES = st.sampled_from([b"content-type", b"cookie", b"x-forwarded-for", b"x-a", b"\xff"])
HEADERS = st.lists(st.tuples(NAMES, st.binary(max_size=20) | st.sampled_from([b"application/json", b"text/plain"])))


@given(headers=HEADERS, body=st.binary(max_size=50), query=st.binary(max_size=20), path=st.text(max_size=20))
def test_an_event_keeps_the_body_and_the_headers(
    headers: list[tuple[bytes, bytes]], body: bytes, query: bytes, path: str
) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    received = Received("POST", path, query, headers, body, "127.0.0.1", "HTTP/1.1", at, "id", "Root=1-0-0;Parent=0")
    event = json.loads(
        json.dumps(http_event(received, route_key="POST /x", parameters={"source": path}, domain="localhost"))
    )
    given_body = event.get("body", "")
    assert (base64.b64decode(given_body) if event["isBase64Encoded"] else given_body.encode()) == body
    values = [value.decode("latin-1") for name, value in headers if name == b"x-a"]
    assert event["headers"].get("x-a", "") == ",".join(values)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
)
LATIN = st.text(st.characters(max_codepoint=255), max_size=5)
LIKELY = st.fixed_dictionaries(
    {"statusCode": st.integers(200, 599), "headers": st.dictionaries(LATIN, LATIN, max_size=1)}
)
FIELDS = dict.fromkeys(("headers", "cookies", "body", "isBase64Encoded"), JSON)
ANSWERS = LIKELY | st.fixed_dictionaries({"statusCode": JSON}, optional=FIELDS) | JSON


@given(ANSWERS)
def test_any_answer_is_a_valid_response_or_unusable(told: object) -> None:
    try:
        answer = http_answer(json.dumps(told).encode())
    except UnusableAnswer:
        return
    assert 200 <= answer.status < 600
    for name, value in answer.headers:
        assert re.fullmatch(r"[!-~]+", name)
        assert not {b"\r", b"\n"} & {bytes([byte]) for byte in value.encode("latin-1")}
