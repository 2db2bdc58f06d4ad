"""Runs an ASGI application on bound sockets, in the stack's event loop."""

import asyncio
import logging
import socket
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp


class Server:
    """`start` returns once the server answers."""

    def __init__(self, app: ASGIApp, sockets: Sequence[socket.socket]) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            backlog=1024,
        )
        self._server = uvicorn.Server(config)
        self._sockets = list(sockets)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=self._sockets))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RuntimeError("the server ended at its start")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Drops open connections, and keeps uvicorn from reporting the requests that this cuts off."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._server.should_exit = self._server.force_exit = True
        if self._task is not None:
            await self._task
