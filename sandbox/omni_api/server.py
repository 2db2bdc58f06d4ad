"""Serves the sandbox by uvicorn with httptools, which accepts absolute request lines. It can reset connections."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.omni_api.app import create_app
from sandbox.omni_api.effects import TRANSPORT_EXTENSION
from sandbox.omni_api.settings import SandboxSettings
from sandbox.sockets import listen, port_of

_KEEP_ALIVE_SECONDS: Final = 75
_START_SECONDS: Final = 10


class SandboxProtocol(HttpToolsProtocol):
    """Gives the application the connection's transport, so that it can be reset."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, dict[object, object]] = {TRANSPORT_EXTENSION: {"transport": self.transport}}
        self.scope["extensions"] = extensions


class SandboxServer(uvicorn.Server):
    """Drops held connections when it stops, instead of waiting for their clients."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=SandboxProtocol,
                ws="none",
                loop="asyncio",
                lifespan="on",
                log_level="error",
                access_log=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=2,
                server_header=False,
            )
        )
        self._closing: asyncio.Event = app.state.closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets)


@contextmanager
def serving(settings: SandboxSettings, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves in a thread during the block, and gives the base URL. Port 0 takes a free port."""
    listener = listen(host, port)
    server = SandboxServer(create_app(settings))
    # A daemon thread doesn't keep the process alive if its owner never closes it.
    thread = threading.Thread(target=server.run, args=([listener],), name="omni-sandbox", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield f"http://{host}:{port_of(listener)}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _wait_until_started(server: SandboxServer, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the sandbox did not start")
        time.sleep(0.005)
