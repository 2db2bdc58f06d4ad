"""A local stack whose functions reach AWS through proxies, so that a test can make a service unreachable."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from threading import Thread
from typing import Any, Self
from urllib.parse import urlsplit

from sandbox.sockets import listen, port_of, reset
from sandbox.stack.settings import StackSettings
from sandbox.stack.stack import Stack

SERVICES = ("ssm", "sqs", "dynamodb")
_CHUNK = 65_536


class Reachability(StrEnum):
    """The fate of a connection: `refuse` finds no listener, `reset` gets an RST once it speaks, `hang` no answer."""

    NORMAL = "normal"
    REFUSE = "refuse"
    RESET = "reset"
    HANG = "hang"


class ServiceProxy:
    """A TCP proxy. A change of `reachability` also ends the open connections, because clients keep theirs.

    It connects to `target`, a host and a port, which must be set before the first connection comes.
    """

    def __init__(self) -> None:
        listener = listen("127.0.0.1")
        self.port = port_of(listener)
        self.url = f"http://127.0.0.1:{self.port}"
        self.reachability = Reachability.NORMAL
        self.target: tuple[str, int]
        self._listener: socket.socket | None = listener
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._listener or listen("127.0.0.1", self.port))
        self._listener = None

    async def stop(self) -> None:
        if self._server is not None:
            # asyncio leaks a connection that it accepts in the same turn of the loop as its server closes.
            for listener in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listener.fileno())
            await asyncio.sleep(0)
            self._server.close()
            self._server = None
        await self._drop_connections()

    async def become(self, reachability: Reachability) -> None:
        self.reachability = reachability
        if reachability is Reachability.REFUSE:
            await self.stop()
            return
        await self._drop_connections()
        if self._server is None:
            await self.start()

    async def _drop_connections(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        if connection is not None:
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)
        try:
            if self.reachability is Reachability.HANG:
                await asyncio.Event().wait()
            if self.reachability is Reachability.RESET:
                await reader.read(1)
            if self.reachability is Reachability.NORMAL:
                await self._relay(reader, writer)
                writer.close()
        except (OSError, asyncio.CancelledError):
            pass  # the connection is dropped below; only _drop_connections awaits this task
        finally:
            reset(writer.transport)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self.target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, there_writer))
                group.create_task(_copy(there_reader, writer))
        except* OSError:
            pass
        finally:
            there_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    with suppress(OSError):
        writer.close()


class ProxiedStack(Stack):
    """Sets the `AWS_ENDPOINT_URL_*` of its functions to one proxy per service. The proxies live in their own thread."""

    def __init__(self, settings: StackSettings) -> None:
        self._proxies = {service: ServiceProxy() for service in SERVICES}
        urls = {f"AWS_ENDPOINT_URL_{service.upper()}": proxy.url for service, proxy in self._proxies.items()}
        super().__init__(replace(settings, environment={**settings.environment, **urls}))
        self._proxy_loop = asyncio.new_event_loop()
        self._proxy_thread = Thread(target=self._proxy_loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> Self:
        self._proxy_thread.start()
        address = urlsplit(self.aws_url)
        for proxy in self._proxies.values():
            proxy.target = (address.hostname or "", address.port or 0)
            self._do(proxy.start())
        return super().__enter__()

    def close(self) -> None:
        super().close()
        for proxy in self._proxies.values():
            self._do(proxy.stop())
        self._proxy_loop.call_soon_threadsafe(self._proxy_loop.stop)
        self._proxy_thread.join()
        self._proxy_loop.close()

    def set_reachability(self, service: str, reachability: Reachability) -> None:
        """Sets how the functions reach ssm, sqs or dynamodb. The test itself always reaches it."""
        self._do(self._proxies[service].become(reachability))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._proxy_loop).result()
