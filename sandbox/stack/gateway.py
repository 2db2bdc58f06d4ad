"""A stand-in for API Gateway: the routes, limits and errors of an HTTP API, in front of the functions."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.stack.functions import LambdaFunction
from sandbox.stack.http_events import Received, UnusableAnswer, http_answer, http_event
from sandbox.stack.invocations import ConcurrencyExceeded, InvocationTooLarge, new_trace_id
from sandbox.stack.specs import RouteSpec, ThrottleSpec

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_BODY_BYTES: Final = 10 * 2**20
MAX_HEAD_BYTES: Final = 10_240  # request line and headers
INTEGRATION_TIMEOUT: Final = 30.0


class _Refused(Exception):
    """API Gateway answers by itself, without a function."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class TokenBucket:
    """Throttles as API Gateway does: `rate` requests a second, `burst` at once."""

    def __init__(self, throttle: ThrottleSpec) -> None:
        self._rate = throttle.rate
        self._burst = float(throttle.burst or throttle.rate or 0)
        self._tokens = self._burst
        self._filled_at = time.monotonic()

    def take(self) -> bool:
        if self._rate is None:
            return True
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True, slots=True)
class _CompiledRoute:
    key: str
    method: str
    pattern: re.Pattern[str]
    function: LambdaFunction


class Gateway:
    """`domain` is the host name in the context of each request."""

    def __init__(
        self,
        routes: Sequence[RouteSpec],
        functions: Mapping[str, LambdaFunction],
        throttle: ThrottleSpec,
        *,
        domain: str = "localhost",
        integration_timeout: float = INTEGRATION_TIMEOUT,
    ) -> None:
        self._routes = [
            _CompiledRoute(
                f"{route.method} {route.path}", route.method, _pattern(route.path), functions[route.function]
            )
            for route in routes
        ]
        self._bucket = TokenBucket(throttle)
        self._domain = domain
        self._integration_timeout = integration_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._serve(Request(scope, receive))
        await response(scope, receive, send)

    async def _serve(self, request: Request) -> Response:
        request_id = secrets.token_urlsafe(11) + "="
        try:
            response = await self._forward(request, request_id)
        except _Refused as refused:
            response = JSONResponse({"message": refused.message}, status_code=refused.status)
        except ClientDisconnect:
            response = Response(status_code=400)  # nobody reads it
        response.headers["apigw-requestid"] = request_id
        return response

    async def _forward(self, request: Request, request_id: str) -> Response:
        if _head_bytes(request) > MAX_HEAD_BYTES:
            raise _Refused(431, "Request Header Fields Too Large")
        route, parameters = self._route(request.method, request.scope["path"])
        if not self._bucket.take():
            raise _Refused(429, "Too Many Requests")
        received = await _receive(request, request_id, sampled=route.function.spec.traced)
        event = http_event(received, route_key=route.key, parameters=parameters, domain=self._domain)
        payload = await self._invoke(route.function, event, received.trace_id)
        try:
            answer = http_answer(payload)
        except UnusableAnswer:
            raise _Refused(500, "Internal Server Error") from None
        response = Response(answer.body, status_code=answer.status)
        for name, value in answer.headers:
            if name != "content-length":
                response.headers.append(name, value)
        return response

    def _route(self, method: str, path: str) -> tuple[_CompiledRoute, dict[str, str]]:
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match and route.method in {method, "ANY"}:
                return route, match.groupdict()
        raise _Refused(404, "Not Found")

    async def _invoke(self, function: LambdaFunction, event: object, trace_id: str) -> bytes:
        try:
            async with asyncio.timeout(self._integration_timeout):
                outcome = await function.invoke(json.dumps(event).encode(), trace_id)
        except (TimeoutError, ConcurrencyExceeded):
            raise _Refused(503, "Service Unavailable") from None
        except InvocationTooLarge:
            raise _Refused(413, "Request Entity Too Large") from None
        if outcome.error:
            raise _Refused(500, "Internal Server Error")
        return outcome.payload


def _pattern(path: str) -> re.Pattern[str]:
    """A route's path, such as `/webhooks/{source}`, as a regular expression."""
    parts = re.split(r"(\{\w+\+?\})", path)
    compiled = [
        f"(?P<{part[1:-2]}>.+)"
        if part.endswith("+}")
        else f"(?P<{part[1:-1]}>[^/]+)"
        if part[:1] == "{"
        else re.escape(part)
        for part in parts
    ]
    return re.compile("".join(compiled), re.DOTALL)


def _head_bytes(request: Request) -> int:
    line = len(request.method) + len(request.scope["raw_path"]) + len(request.scope["query_string"]) + 12
    return line + sum(len(name) + len(value) + 4 for name, value in request.scope["headers"])


async def _receive(request: Request, request_id: str, *, sampled: bool) -> Received:
    """Reads the request. Raises _Refused as soon as the body is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _Refused(413, "Request Entity Too Large")
    return Received(
        method=request.method,
        path=request.scope["path"],
        query=request.scope["query_string"],
        headers=request.scope["headers"],
        body=bytes(body),
        client=request.client.host if request.client else "127.0.0.1",
        protocol=f"HTTP/{request.scope['http_version']}",
        at=datetime.now(UTC),
        request_id=request_id,
        trace_id=new_trace_id(sampled=sampled),
    )
