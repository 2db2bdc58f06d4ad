"""A TCP proxy in front of an AWS service, which can refuse, reset or hang: how tests make a service unreachable."""

import asyncio
import socket
import struct
from contextlib import suppress
from enum import StrEnum

from sandbox.stack.ports import listen, port_of

_CHUNK = 65_536


class Reachability(StrEnum):
    """What a connection meets: `refuse` finds no listener; `reset` an RST as it speaks; `hang` is never answered."""

    NORMAL = "normal"
    REFUSE = "refuse"
    RESET = "reset"
    HANG = "hang"


class ServiceProxy:
    """Changing `reachability` also ends the open connections, since clients keep theirs."""

    def __init__(self, target_host: str, target_port: int) -> None:
        listener = listen("127.0.0.1")
        self.port = port_of(listener)
        self.url = f"http://127.0.0.1:{self.port}"
        self.reachability = Reachability.NORMAL
        self._listener: socket.socket | None = listener
        self._target = (target_host, target_port)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._listener or listen("127.0.0.1", self.port))
        self._listener = None

    async def stop(self) -> None:
        if self._server is not None:
            # asyncio leaks a connection that is accepted in the turn in which its server closes.
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
            pass  # the connection is dropped below; nobody awaits this task but _drop_connections
        finally:
            _reset(writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
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


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes with an RST where the connection is still open."""
    connection = writer.get_extra_info("socket")
    if not writer.is_closing() and connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
