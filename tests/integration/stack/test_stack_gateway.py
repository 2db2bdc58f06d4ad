"""The stand-in for API Gateway makes the same events and gives the same errors as the real one."""

import base64
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.stack.settings import StackSettings
from sandbox.stack.stack import Stack


def event_of(answer: requests.Response) -> dict[str, Any]:
    """The event that the function got."""
    event: dict[str, Any] = answer.json()["event"]
    return event


def raw_exchange(stack: Stack, request: bytes) -> bytes:
    """The answer to a request that no client library would send. The request must ask to close the connection."""
    address = urlsplit(stack.relay_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_an_event_has_the_shape_of_payload_format_2(tiny: Stack) -> None:
    answer = requests.post(
        f"{tiny.relay_url}/webhooks/git%20hub?a=1&b=x%20y&a=2",
        data=b'{"z": "\xc3\xa9"}',
        headers={"Content-Type": "application/json; charset=utf-8", "Cookie": "k=v; l=w", "X-Mixed-Case": "Yes"},
        timeout=10,
    )
    event = event_of(answer)
    context = event["requestContext"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == context["routeKey"] == "POST /webhooks/{source}"
    assert event["rawPath"] == context["http"]["path"] == "/webhooks/git hub"
    assert event["rawQueryString"] == "a=1&b=x%20y&a=2"
    assert event["queryStringParameters"] == {"a": "1,2", "b": "x y"}
    assert event["pathParameters"] == {"source": "git hub"}
    assert event["cookies"] == ["k=v", "l=w"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-mixed-case"] == "Yes"
    assert (event["body"], event["isBase64Encoded"]) == ('{"z": "\u00e9"}', False)
    assert context["stage"] == "$default"
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert abs(context["timeEpoch"] / 1000 - time.time()) < 60
    assert answer.headers["apigw-requestid"] == context["requestId"]


def test_repeated_headers_are_joined_by_a_comma_and_no_byte_is_lost(tiny: Stack) -> None:
    request = (
        b"POST /webhooks/x HTTP/1.1\r\nHost: [\r\nX-A: 1\r\nX-A: 2\r\nX-B: \xff\xfe\x80\r\n"
        b"Connection: close\r\nContent-Length: 0\r\n\r\n"
    )
    answer = raw_exchange(tiny, request)
    assert answer.startswith(b"HTTP/1.1 200")
    headers = json.loads(answer.partition(b"\r\n\r\n")[2])["event"]["headers"]
    assert (headers["x-a"], headers["x-b"]) == ("1,2", "\u00ff\u00fe\u0080")


@pytest.mark.parametrize(
    ("content_type", "body", "encoded"),
    [
        ("application/json", b'{"a": 1}', False),
        ("APPLICATION/JSON; charset=utf-8", b'{"a": 1}', False),
        ("text/plain", b"hello", False),
        ("application/xml", b"<a/>", False),
        ("application/javascript", b"a()", False),
        ("application/x-www-form-urlencoded", b"a=1&b=2", True),
        ("application/octet-stream", b"\x00\x01", True),
        ("application/jsonish", b"{}", True),
        (None, b"hello", True),
        ("application/json", b"\xff\xfe", True),
    ],
)
def test_text_stays_text_and_all_else_is_base64(
    tiny: Stack, content_type: str | None, body: bytes, encoded: bool
) -> None:
    event = event_of(
        requests.post(f"{tiny.relay_url}/webhooks/x", data=body, headers={"Content-Type": content_type}, timeout=10)
    )
    given = event["body"]
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(given) if encoded else given.encode()) == body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/webhooks/x"),
        ("POST", "/"),
        ("POST", "/webhooks/"),
        ("POST", "/webhooks/a/b"),
        ("OPTIONS", "/webhooks/x"),
    ],
)
def test_what_no_route_takes_is_not_found(tiny: Stack, method: str, path: str) -> None:
    answer = requests.request(method, tiny.relay_url + path, timeout=10)
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_any_method_and_a_greedy_path_match_what_they_say(tiny: Stack) -> None:
    event = event_of(requests.put(f"{tiny.relay_url}/any/a/b", timeout=10))
    assert event["routeKey"] == "ANY /any/{rest+}"
    assert event["pathParameters"] == {"rest": "a/b"}
    assert "body" not in event


@pytest.mark.parametrize(
    ("told", "status", "body", "content_type"),
    [
        ({"hello": "world"}, 200, b'{"hello": "world"}', "application/json"),
        ("text", 200, b'"text"', "application/json"),
        (None, 200, b"null", "application/json"),
        ({"statusCode": 204}, 204, b"", "text/plain;charset=UTF-8"),
        ({"statusCode": "418", "body": "tea"}, 418, b"tea", "text/plain;charset=UTF-8"),
        ({"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}, 200, b"\x00\xff", "text/plain;charset=UTF-8"),
        ({"statusCode": 200, "headers": {"Content-Type": "a/b"}, "body": "x"}, 200, b"x", "a/b"),
    ],
)
def test_an_answer_becomes_the_response_that_it_describes(
    tiny: Stack, told: Any, status: int, body: bytes, content_type: str
) -> None:
    answer = requests.post(f"{tiny.relay_url}/webhooks/x", json={"answer": told}, timeout=10)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (status, body, content_type)


def test_headers_and_cookies_of_an_answer_are_sent(tiny: Stack) -> None:
    told = {"statusCode": 200, "headers": {"X-N": 5, "X-B": True}, "cookies": ["a=1", "b=2"]}
    answer = requests.post(f"{tiny.relay_url}/webhooks/x", json={"answer": told}, timeout=10)
    assert (answer.headers["x-n"], answer.headers["x-b"]) == ("5", "true")
    assert answer.cookies.get_dict() == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "told",
    [
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 200, "headers": ["x"]},
        {"statusCode": 200, "headers": {"x": {}}},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
        {"statusCode": 200, "headers": {"x": "\u20ac"}},
        {"statusCode": 200, "body": {"an": "object"}},
        {"statusCode": 200, "body": "not base64", "isBase64Encoded": True},
    ],
)
def test_an_answer_that_makes_no_response_is_an_internal_error(tiny: Stack, told: Any) -> None:
    answer = requests.post(f"{tiny.relay_url}/webhooks/x", json={"answer": told}, timeout=10)
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_a_function_that_times_out_is_an_internal_error(tiny: Stack) -> None:
    assert requests.post(f"{tiny.relay_url}/webhooks/x", json={"sleep": 60}, timeout=10).status_code == 500


def test_a_function_that_outlasts_the_gateway_is_unavailable_but_goes_on(
    tiny: Stack, eventually: Callable[..., Any]
) -> None:
    log = '{"goes": "on"}'
    answer = requests.post(f"{tiny.relay_url}/slow", json={"sleep": 4, "log": [log]}, timeout=10)
    assert (answer.status_code, answer.json()) == (503, {"message": "Service Unavailable"})
    # The process isn't killed. It finishes its work and then takes the next invocation.
    assert eventually(lambda: tiny.invoke("SlowFunction", {"answer": "free"}).json()) == "free"


def test_a_body_larger_than_the_gateway_takes_is_refused(tiny: Stack) -> None:
    answer = requests.post(f"{tiny.relay_url}/webhooks/x", data=b"x" * (10 * 2**20 + 1), timeout=30)
    assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})


def test_a_body_larger_than_lambda_takes_is_refused(tiny: Stack) -> None:
    answer = requests.post(f"{tiny.relay_url}/webhooks/x", data=b"x" * (6 * 2**20), timeout=30)
    assert answer.status_code == 413


def test_headers_beyond_ten_kilobytes_are_refused(tiny: Stack) -> None:
    def status(size: int) -> int:
        return requests.post(f"{tiny.relay_url}/webhooks/x", headers={"X-Large": "x" * size}, timeout=10).status_code

    assert (status(9_000), status(10_240)) == (200, 431)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /webhooks/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /webhooks/%ff%00%0a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"POST /webhooks/x?%ff=%fe&&=;[] HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"POST http://example.com/webhooks/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nCookie: \xff;;=\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"POST /webhooks/x HTTP/1.1\r\nConnection: close\r\nContent-Type: \x80/\xff\r\nContent-Length: 1\r\n\r\n\xff",
        b"POST /webhooks/x HTTP/1.1\r\nX-Forwarded-For: a, \xe9\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_hostile_bytes_are_taken_or_refused_but_break_nothing(tiny: Stack, request_bytes: bytes) -> None:
    status = raw_exchange(tiny, request_bytes).split(b" ", 2)[1]
    assert status in {b"200", b"400", b"404"}


def test_more_requests_than_the_throttle_allows_are_turned_away(variant: Callable[[str, str], StackSettings]) -> None:
    settings = variant(
        "Type: AWS::Serverless::HttpApi",
        "Type: AWS::Serverless::HttpApi\n    Properties:\n"
        "      DefaultRouteSettings: { ThrottlingRateLimit: 1, ThrottlingBurstLimit: 3 }",
    )
    with Stack(settings) as stack, ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda _: requests.post(f"{stack.relay_url}/webhooks/x", timeout=10), range(6)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 2
    assert {answer.status_code for answer in answers} == {200, 429}
    assert refused[0].json() == {"message": "Too Many Requests"}
