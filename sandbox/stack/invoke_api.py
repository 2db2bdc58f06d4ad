"""Lambda's Invoke API, by which boto3, the AWS CLI and `make event` call a function.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import asyncio
from collections.abc import Collection, Mapping

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.browsers import BrowserGuard
from sandbox.stack.functions import LambdaFunction
from sandbox.stack.invocations import ConcurrencyExceeded, FunctionOutcome, InvocationTooLarge

_STATUSES = {"RequestResponse": 200, "Event": 202, "DryRun": 204}


class _Functions:
    """A function is known by its logical id, its name and its ARN."""

    def __init__(self, functions: Mapping[str, LambdaFunction]) -> None:
        self._known = {
            name: function
            for logical_id, function in functions.items()
            for name in (logical_id, function.spec.name, function.spec.arn)
        }
        self._running: set[asyncio.Task[FunctionOutcome]] = set()

    async def invoke(self, request: Request) -> Response:
        name = request.path_params["name"]
        function = self._known.get(name)
        kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
        if function is None:
            return _error(404, "ResourceNotFoundException", f"Function not found: {name}")
        if kind not in _STATUSES:
            return _error(400, "InvalidParameterValueException", f"Unknown invocation type: {kind}")
        payload = await request.body() or b"{}"
        if kind == "DryRun":
            return Response(status_code=_STATUSES[kind])
        call = asyncio.create_task(function.invoke(payload, request.headers.get("x-amzn-trace-id")))
        if kind == "Event":
            self._running.add(call)
            call.add_done_callback(self._running.discard)
            return Response(status_code=_STATUSES[kind])
        return await _answer(call)


def invoke_api(functions: Mapping[str, LambdaFunction], hosts: Collection[str]) -> Starlette:
    """`functions` are by logical id. `hosts` are names of this machine."""
    path = "/2015-03-31/functions/{name:path}/invocations"
    return Starlette(
        routes=[Route(path, _Functions(functions).invoke, methods=["POST"])],
        middleware=[Middleware(BrowserGuard, refuse=_forbid, hosts=hosts, harmless=())],
    )


async def _answer(call: asyncio.Task[FunctionOutcome]) -> Response:
    try:
        outcome = await call
    except ConcurrencyExceeded:
        return _error(429, "TooManyRequestsException", "Rate Exceeded.")
    except InvocationTooLarge:
        return _error(413, "RequestTooLargeException", "Request must be smaller than 6291456 bytes")
    headers = {"X-Amz-Executed-Version": "$LATEST"}
    if outcome.error:
        headers["X-Amz-Function-Error"] = outcome.error
    return Response(outcome.payload, headers=headers, media_type="application/json")


def _forbid(_: Headers, why: str) -> Response:
    return _error(403, "AccessDeniedException", why)


def _error(status: int, kind: str, message: str) -> Response:
    body = {"Type": "User", "Message": message}
    return JSONResponse(body, status_code=status, headers={"X-Amzn-ErrorType": kind})
