"""Lambda's Runtime API, by which a function's process asks for invocations and answers them.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Each process has a port of its own, because a request
doesn't say otherwise which process is asking.
"""

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.browsers import BrowserGuard
from sandbox.stack.invocations import MAX_PAYLOAD_BYTES, FunctionOutcome, failure
from sandbox.stack.specs import FunctionSpec
from sandbox.stack.workers import ProcessLost, Worker

_PREFIX = "/2018-06-01/runtime"
_GONE = Response(status_code=410)


class _Calls:
    """The API's calls. `workers` are by port."""

    def __init__(self, workers: Mapping[int, tuple[FunctionSpec, Worker]]) -> None:
        self._workers = workers

    def _asking(self, request: Request) -> tuple[FunctionSpec, Worker]:
        return self._workers[request.scope["server"][1]]

    async def next(self, request: Request) -> Response:
        spec, worker = self._asking(request)
        try:
            invocation = await worker.next()
        except ProcessLost:
            return _GONE
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(round(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": spec.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        return Response(invocation.payload, headers=headers, media_type="application/json")

    async def response(self, request: Request) -> Response:
        _, worker = self._asking(request)
        payload = await request.body()
        invocation = request.path_params["invocation"]
        if len(payload) > MAX_PAYLOAD_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."
            worker.finish(invocation, failure("Function.ResponseSizeTooLarge", message))
            return JSONResponse({"errorType": "RequestEntityTooLarge"}, status_code=413)
        return _answer(worker.finish(invocation, FunctionOutcome(payload)))

    async def error(self, request: Request) -> Response:
        _, worker = self._asking(request)
        outcome = FunctionOutcome(await request.body(), error="Unhandled")
        return _answer(worker.finish(request.path_params["invocation"], outcome))

    async def init_error(self, request: Request) -> Response:
        _, worker = self._asking(request)
        worker.init_failed(FunctionOutcome(await request.body(), error="Unhandled"))
        return _answer(accepted=True)


def runtime_api(workers: Mapping[int, tuple[FunctionSpec, Worker]]) -> Starlette:
    """`workers` are by port."""
    calls = _Calls(workers)
    return Starlette(
        routes=[
            Route(f"{_PREFIX}/invocation/next", calls.next),
            Route(f"{_PREFIX}/invocation/{{invocation}}/response", calls.response, methods=["POST"]),
            Route(f"{_PREFIX}/invocation/{{invocation}}/error", calls.error, methods=["POST"]),
            Route(f"{_PREFIX}/init/error", calls.init_error, methods=["POST"]),
        ],
        middleware=[Middleware(BrowserGuard, refuse=_forbid, harmless=())],
        exception_handlers={ClientDisconnect: _forget},
    )


async def _forget(_: Request, __: Exception) -> Response:
    return _GONE  # the process was killed while it spoke


def _forbid(_: Headers, why: str) -> Response:
    return JSONResponse({"errorType": "Forbidden", "errorMessage": why}, status_code=403)


def _answer(accepted: bool) -> Response:
    if accepted:
        return JSONResponse({"status": "OK"}, status_code=202)
    return JSONResponse({"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"}, status_code=400)
