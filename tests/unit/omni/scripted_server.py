"""A scripted HTTP server on loopback for the OMNI client's tests. It can also misbehave."""

import contextlib
import io
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SAMPLE_ANSWER = {
    "messages": [
        {
            "to": {"phoneNumber": "41793026727", "emailAddress": "email@example.com"},
            "status": {
                "groupId": 1,
                "groupName": "PENDING",
                "id": 7,
                "name": "PENDING_ENROUTE",
                "description": "Message sent to next instance",
            },
            "messageId": "efcd006b-af37-40e1-9984-09735bf45f17",
        }
    ]
}


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Answers the n-th request with the n-th behaviour of its script."""

    tls: ssl.SSLContext | None = None
    script: list[Callable[[socket.socket], bool]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    reads: bool = True
    stopped: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def stop(self) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def wait_for_requests(self, count: int) -> None:
        ends_at = time.monotonic() + 5
        while len(self.received) < count:
            assert time.monotonic() < ends_at, f"{len(self.received)} of {count} requests came"
            self.stopped.wait(0.01)

    # Each method adds a behaviour to the script. A behaviour returns whether the connection stays open.

    def answer(
        self,
        body: object = SAMPLE_ANSWER,
        status: int = 200,
        *,
        headers: dict[str, str] | None = None,
        then_close: bool = False,
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        self.raw(head.encode() + content, then_close=then_close)

    def raw(self, content: bytes, *, then_close: bool = True) -> None:
        def behave(connection: socket.socket) -> bool:
            connection.sendall(content)
            return not then_close

        self.script.append(behave)

    def reset(self) -> None:
        def behave(connection: socket.socket) -> bool:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False

        self.script.append(behave)

    def close(self) -> None:
        self.script.append(lambda _: False)

    def stay_silent(self) -> None:
        self.script.append(lambda _: self.stopped.wait(10) and False)

    def drip(self, head: bytes, piece: bytes) -> None:
        """Sends the head at once, then endless pieces, slowly."""

        def behave(connection: socket.socket) -> bool:
            connection.sendall(head)
            while not self.stopped.wait(0.02):
                connection.sendall(piece)
            return False

        self.script.append(behave)

    def pour(self, head: bytes, piece: bytes) -> None:
        """Sends the head, then endless pieces, as fast as the client takes them."""

        def behave(connection: socket.socket) -> bool:
            connection.sendall(head)
            while not self.stopped.is_set():
                connection.sendall(piece)
            return False

        self.script.append(behave)

    def _accept(self) -> None:
        while not self.stopped.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with contextlib.closing(connection), connection.makefile("rb") as stream:
                while (request := self._receive(stream)) is not None:
                    self.received.append(request)
                    if not self.script or not self.script.pop(0)(connection):
                        break
        self.closed.set()

    def _receive(self, stream: io.BufferedReader) -> Received | None:
        if not self.reads:
            self.stopped.wait(10)
            return None
        line = stream.readline().decode()
        if not line:
            return None
        method, target, _ = line.split()
        headers = {}
        while (line := stream.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Received(method, target, headers, stream.read(int(headers.get("content-length", 0))))
