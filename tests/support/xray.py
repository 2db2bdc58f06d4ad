"""A stand-in for X-Ray's daemon that only listens."""

import json
import socket
from threading import Thread
from types import TracebackType
from typing import Any, Self


class XrayDaemon:
    """Keeps the datagrams that arrive by UDP, in order. It is a context manager."""

    def __init__(self) -> None:
        self.datagrams: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._listening = Thread(target=self._listen, name="xray-daemon", daemon=True)

    @property
    def address(self) -> str:
        """The address, in the form of AWS_XRAY_DAEMON_ADDRESS."""
        return "{}:{}".format(*self._socket.getsockname())

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The segments, which stand in the datagrams below their header."""
        return [json.loads(datagram.partition("\n")[2]) for datagram in self.datagrams]

    def __enter__(self) -> Self:
        self._listening.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._listening.join()
        self._socket.close()

    def _listen(self) -> None:
        while datagram := self._socket.recv(65_535):  # an empty one is the end
            self.datagrams.append(datagram.decode())
