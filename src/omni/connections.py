"""urllib3 connections that keep one deadline for a whole call: connecting, sending, and every byte of the answer.

requests' own timeouts start afresh with each byte, so a server that drips could hold a call for hours.
Looking up the host's name is the one step that can't be stopped: Python has no time limit for it.
"""

import contextlib
import http.client
import io
import socket
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

_PIECE = 16_384  # what one TLS record holds


@dataclass(slots=True)
class TimedCall:
    """One call's clock; `began` says that a byte of the request may have left."""

    ends_at: float
    connect_timeout: float
    read_timeout: float
    clock: Callable[[], float]
    began: bool = False

    def expired(self) -> bool:
        return self.clock() >= self.ends_at

    def limit(self, timeout: float) -> float:
        """Seconds that the next step may take. Raises TimeoutError once the deadline has passed."""
        seconds = min(timeout, self.ends_at - self.clock())
        if seconds <= 0:
            raise TimeoutError("deadline")
        return seconds


_current: ContextVar[TimedCall] = ContextVar("_current")


@contextlib.contextmanager
def timed(call: TimedCall) -> Iterator[None]:
    """Connections that are used inside keep this call's deadline."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


class _TimedReader(io.RawIOBase):
    """Gives each read what is left of the call's time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        call = _current.get()
        self._sock.settimeout(call.limit(call.read_timeout))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _Timed(HTTPConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        """Try the host's addresses in turn, all within the deadline (urllib3 gives each the whole time-out)."""
        call = _current.get()
        failure: Exception = NewConnectionError(self, "the host has no address")
        for family, kind, protocol, _, address in self._addresses():
            try:
                with contextlib.ExitStack() as cleanup:
                    sock = cleanup.enter_context(socket.socket(family, kind, protocol))
                    for option in self.socket_options or ():
                        sock.setsockopt(*option)
                    sock.settimeout(call.limit(call.connect_timeout))
                    sock.connect(address)
                    sock.settimeout(call.limit(call.connect_timeout))  # for the TLS handshake
                    cleanup.pop_all()
                    return sock
            except TimeoutError:
                failure = ConnectTimeoutError(self, "connecting took too long")
            except OSError:
                failure = NewConnectionError(self, "no connection")
        raise failure from None

    def _addresses(self) -> list[Any]:
        try:
            return socket.getaddrinfo(self.host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            raise NameResolutionError(self.host, self, socket.gaierror("not found")) from None

    def send(self, data: Any) -> None:
        call = _current.get()
        if self.sock is None:
            self.connect()
        call.began = True
        view = memoryview(data)
        for start in range(0, len(view), _PIECE):
            self.sock.settimeout(call.limit(call.read_timeout))
            super().send(view[start : start + _PIECE])


class _TimedHttps(_Timed, HTTPSConnection):
    pass


class TimedHttpPool(HTTPConnectionPool):
    ConnectionCls = _Timed


class TimedHttpsPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHttps
