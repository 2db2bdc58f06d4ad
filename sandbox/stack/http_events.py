"""Turns HTTP requests into events and functions' answers into responses, as API Gateway does (payload format 2.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stack.intrinsics import text

_TEXT_TYPES = re.compile(r"^(text/|application/(json|xml|javascript)\b)", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came. Headers are bytes, in order, with lower-case names."""

    method: str
    path: str
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    client: str
    protocol: str
    at: datetime
    request_id: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class UnusableAnswer(ValueError):
    """API Gateway can't turn the function's answer into a response."""


def http_event(received: Received, *, route_key: str, parameters: Mapping[str, str], domain: str) -> dict[str, Any]:
    headers = _joined_headers(received)
    cookies = headers.pop("cookie", None)
    query = received.query.decode("latin-1")
    body, encoded = _body(received.body, headers.get("content-type", ""))
    event = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": received.path,
        "rawQueryString": query,
        "cookies": None if cookies is None else [cookie.strip() for cookie in cookies.split(";")],
        "headers": headers,
        "queryStringParameters": _joined_query(query) or None,
        "requestContext": _context(received, route_key, domain, headers.get("user-agent", "")),
        "pathParameters": dict(parameters) or None,
        "body": body,
        "isBase64Encoded": encoded,
    }
    return {name: value for name, value in event.items() if value is not None}


def _context(received: Received, route_key: str, domain: str, user_agent: str) -> dict[str, Any]:
    return {
        "accountId": "123456789012",
        "apiId": "local",
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": received.method,
            "path": received.path,
            "protocol": received.protocol,
            "sourceIp": received.client,
            "userAgent": user_agent,
        },
        "requestId": received.request_id,
        "routeKey": route_key,
        "stage": "$default",
        "time": received.at.strftime("%d/%b/%Y:%H:%M:%S %z"),
        "timeEpoch": int(received.at.timestamp() * 1000),
    }


def _joined_headers(received: Received) -> dict[str, str]:
    """Joins repeated headers by a comma. Each byte becomes one character, so that none is lost."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in received.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        separator = "; " if name == "cookie" else ","
        joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
    forwarded = joined.get("x-forwarded-for")
    return joined | {
        "x-amzn-trace-id": received.trace_id.partition(";")[0],
        "x-forwarded-for": f"{forwarded}, {received.client}" if forwarded else received.client,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }


def _joined_query(query: str) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(body: bytes, content_type: str) -> tuple[str | None, bool]:
    """Text stays text. Everything else becomes base64, also forms and bodies without a type."""
    if not body:
        return None, False
    if _TEXT_TYPES.match(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # base64 keeps the bytes that a sender signed
    return base64.b64encode(body).decode(), True


def http_answer(payload: bytes) -> HttpAnswer:
    """An object with a `statusCode` describes the response; anything else is a 200's body. Raises UnusableAnswer."""
    try:
        answer = json.loads(payload)
    except ValueError as error:
        raise UnusableAnswer(str(error)) from error
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return HttpAnswer(200, (("content-type", "application/json"),), payload)
    try:
        return HttpAnswer(_answer_status(answer), tuple(_answer_headers(answer)), _answer_body(answer))
    except (TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise UnusableAnswer(str(error)) from error


def _answer_status(answer: Mapping[str, Any]) -> int:
    status = int(answer["statusCode"])
    if status not in range(200, 600):
        raise ValueError(f"{status} is no status of a final answer")
    return status


def _answer_headers(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers = {_header_name(name): _header_value(value) for name, value in (answer.get("headers") or {}).items()}
    headers.setdefault("content-type", "text/plain;charset=UTF-8")
    return [*headers.items(), *(("set-cookie", _header_value(cookie)) for cookie in answer.get("cookies") or ())]


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("a header's name is a token")
    return name.lower()


def _header_value(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError(f"a header's value can't be a {type(value).__name__}")
    shown = text(value)
    if "\r" in shown or "\n" in shown:
        raise ValueError("a header's value is one line")
    shown.encode("latin-1")
    return shown


def _answer_body(answer: Mapping[str, Any]) -> bytes:
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise TypeError(f"a body can't be a {type(body).__name__}")
    return base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()
