"""Serves the sandbox: uvicorn with httptools (absolute request lines work), open to resets, quick to close."""

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

_KEEP_ALIVE_SECONDS: Final = 75
_BACKLOG: Final = 2048
_START_SECONDS: Final = 10


class PortInUseError(Exception):
    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"Port {port} on {host} is in use; choose another (SANDBOX_PORT, or --port).")
        self.host = host
        self.port = port


class SandboxProtocol(HttpToolsProtocol):
    """Shows the application the connection, so that it can be reset."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, dict[object, object]] = {TRANSPORT_EXTENSION: {"transport": self.transport}}
        self.scope["extensions"] = extensions


class SandboxServer(uvicorn.Server):
    """Lets go of held connections when it stops, rather than waiting for their clients."""

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


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortInUseError: when another process listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delays off only for sockets that name it.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortInUseError(host, port) from error
    listener.listen(_BACKLOG)
    return listener


@contextmanager
def serving(settings: SandboxSettings, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread for the length of the block; gives the base URL. Port 0 takes a free one."""
    listener = bind(host, port)
    server = SandboxServer(create_app(settings))
    # A daemon: should its owner die without closing it, it doesn't keep the process.
    thread = threading.Thread(target=server.run, args=([listener],), name="omni-sandbox", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield f"http://{host}:{listener.getsockname()[1]}"
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
