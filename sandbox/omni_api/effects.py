"""Answers a send that meets a fault: with a spoilt, late or dripping answer, with silence, or with a TCP reset."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sandbox.omni_api.errors import ApiError
from sandbox.omni_api.faults import Fault, FaultKind
from sandbox.omni_api.wire import Format, respond_error
from sandbox.sockets import reset

_DRIP_MS: Final = 1000
_BODILESS: Final = frozenset({204, 205, 304})
GARBAGE: Final = b'{"messages": [{"to": <<< not the answer that anyone expects'
TRANSPORT_EXTENSION: Final = "sandbox.transport"
"""The key in the ASGI scope under which the server gives the connection's transport, for `reset`."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A send that meets a fault: its proper answer, the format that it wants, and the event of the sandbox's end."""

    answer: Callable[[], Response]
    wanted: Format
    closing: asyncio.Event


async def meet(fault: Fault, meeting: Meeting) -> Response:
    """The response to a send that meets this fault."""
    return await _EFFECTS[fault.kind](fault, meeting)


def _accept_first(fault: Fault, meeting: Meeting) -> None:
    if fault.after == "accept":
        meeting.answer()


async def _status(fault: Fault, meeting: Meeting) -> Response:
    _accept_first(fault, meeting)
    if fault.status in _BODILESS:
        return Response(status_code=fault.status, headers=fault.headers)
    if fault.body is not None:
        return Response(fault.body.encode(errors="replace"), fault.status, fault.headers, media_type=meeting.wanted)
    return respond_error(ApiError(fault.status, "Ordered by POST /sandbox/faults", fault.headers), meeting.wanted)


async def _timeout(fault: Fault, meeting: Meeting) -> Response:
    _accept_first(fault, meeting)
    return Silence(meeting.closing)


async def _reset(fault: Fault, meeting: Meeting) -> Response:
    _accept_first(fault, meeting)
    return Reset(meeting.closing)


async def _garbage(fault: Fault, meeting: Meeting) -> Response:
    _accept_first(fault, meeting)
    content = GARBAGE if fault.body is None else fault.body.encode(errors="replace")
    return Response(content, 200, fault.headers, media_type=meeting.wanted)


async def _delay(fault: Fault, meeting: Meeting) -> Response:
    early = meeting.answer() if fault.after == "accept" else None
    await _pause(meeting.closing, fault.delay_ms or 0)
    return early if early is not None else meeting.answer()


async def _drip(fault: Fault, meeting: Meeting) -> Response:
    whole = meeting.answer()
    wait = _DRIP_MS if fault.delay_ms is None else fault.delay_ms

    async def drops() -> AsyncIterator[bytes]:
        for byte in bytes(whole.body):
            await _pause(meeting.closing, wait)
            yield bytes((byte,))

    return StreamingResponse(drops(), whole.status_code, dict(whole.headers))


_EFFECTS: Final[dict[FaultKind, Callable[[Fault, Meeting], Awaitable[Response]]]] = {
    "status": _status,
    "timeout": _timeout,
    "reset": _reset,
    "garbage": _garbage,
    "delay": _delay,
    "drip": _drip,
}


async def _pause(closing: asyncio.Event, milliseconds: int) -> None:
    """Waits, but stops when the sandbox closes."""
    try:
        await asyncio.wait_for(closing.wait(), milliseconds / 1000)
    except TimeoutError:
        return


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Silence(Response):
    """Sends nothing, and holds the connection until the client leaves or the sandbox closes."""

    def __init__(self, closing: asyncio.Event) -> None:
        super().__init__()
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        waits = [asyncio.ensure_future(_client_gone(receive)), asyncio.ensure_future(self._closing.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._closing.is_set():
            await hang_up(scope, receive)


class Reset(Silence):
    """Sends nothing, and resets the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await hang_up(scope, receive)


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Resets the client's connection."""
    transport: asyncio.Transport = scope["extensions"][TRANSPORT_EXTENSION]["transport"]
    reset(transport)
    await _client_gone(receive)
