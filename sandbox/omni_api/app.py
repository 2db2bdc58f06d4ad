"""The sandbox as an ASGI application: the OMNI API under both of its paths, the control calls and the pages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.browsers import BrowserGuard
from sandbox.omni_api import control, pages
from sandbox.omni_api.effects import Meeting, meet
from sandbox.omni_api.errors import ApiError
from sandbox.omni_api.logs import logs
from sandbox.omni_api.settings import SandboxSettings
from sandbox.omni_api.state import State, create_state
from sandbox.omni_api.wire import (
    ApiAnswer,
    ApiCall,
    authorize,
    given_format,
    respond,
    respond_error,
    wanted_format,
)
from sandbox.tasks import cancelled

PREFIXES: Final = ("/omni/1", "/1/omni/1")
SENDS: Final = frozenset({"/text", "/advanced"})
_DRAINED_TIMES: Final = 10

Handler = Callable[[ApiCall], ApiAnswer]
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(settings: SandboxSettings) -> Starlette:
    """A sandbox with a state of its own. `sandbox.omni_api.server` runs it."""
    state = create_state(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        ticking = asyncio.create_task(state.timers.run())
        yield
        await cancelled(ticking)
        await state.pusher.close()

    app = Starlette(
        routes=[*_api_routes(state), *_control_routes(state), *pages.page_routes(state)],
        lifespan=lifespan,
        middleware=[Middleware(BrowserGuard, refuse=_forbid, hosts=settings.hosts)],
        exception_handlers={HTTPException: _http_error},
    )
    app.router.redirect_slashes = False
    app.state.closing = state.closing
    return app


def _api_routes(state: State) -> Iterator[Route]:
    table: tuple[tuple[str, str, Handler], ...] = (
        ("POST", "/text", state.sends.text),
        ("POST", "/advanced", state.sends.advanced),
        ("GET", "/scenarios", state.scenarios.list),
        ("POST", "/scenarios", state.scenarios.create),
        ("GET", "/scenarios/{key}", state.scenarios.get),
        ("PUT", "/scenarios/{key}", state.scenarios.update),
        ("GET", "/reports", state.reports.pull),
        ("GET", "/logs", partial(logs, state.store, state.clock.now)),
    )
    for prefix in PREFIXES:
        for method, path, handler in table:
            yield Route(prefix + path, _api(state, handler, sends=path in SENDS), methods=[method])


def _control_routes(state: State) -> Iterator[Route]:
    for method, path, handler in control.ROUTES:
        yield Route(path, _control(state, handler), methods=[method])


def _api(state: State, handler: Handler, *, sends: bool) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        wanted = wanted_format(request.headers)
        try:
            body = await _body(request, state.max_body_bytes)
        except ApiError as error:
            return respond_error(error, wanted)
        given = given_format(request.headers)
        call = ApiCall(request.url.path, request.path_params, request.query_params, body, given, wanted)

        def answer() -> Response:
            try:
                authorize(request.headers, state.credentials)
                return respond(handler(call), wanted)
            except ApiError as error:
                return respond_error(error, wanted)

        fault = state.faults.draw() if sends else None
        return answer() if fault is None else await meet(fault, Meeting(answer, wanted, state.closing))

    return _unless_gone(endpoint)


def _control(state: State, handler: control.Control) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return handler(state, request, await _body(request, state.max_body_bytes))
        except ApiError as error:
            return respond_error(error, wanted_format(request.headers))

    return _unless_gone(endpoint)


def _unless_gone(endpoint: Endpoint) -> Endpoint:
    """Answers whatever to a client that leaves while it is still sending: nobody reads it."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=400)

    return answered


async def _body(request: Request, limit: int) -> bytes:
    """The request's body.

    Raises:
        ApiError: 413 if it is longer than the limit. Up to ten times the limit is still read and dropped, because a
            client that is still sending when the connection closes never sees the answer.
    """
    chunks = bytearray()
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= limit:
            chunks += chunk
        elif length > _DRAINED_TIMES * limit:
            break
    if length > limit:
        raise ApiError(413, f"The body is longer than {limit} bytes", {"Connection": "close"})
    return bytes(chunks)


def _forbid(headers: Headers, why: str) -> Response:
    return respond_error(ApiError(403, why), wanted_format(headers))


async def _http_error(request: Request, error: Exception) -> Response:
    """Gives Starlette's own refusals (unknown path, wrong method) the API's shape."""
    if not isinstance(error, HTTPException):
        raise error
    return respond_error(ApiError(error.status_code, error.detail, error.headers), wanted_format(request.headers))
