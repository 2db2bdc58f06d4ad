"""urllib3 connections that keep one deadline for a whole call: connecting, sending, and every byte of the answer.

The timeouts of requests start again with each byte, so a slow server could hold a call for hours.
Only the lookup of the host's name can't be stopped, because Python has no time limit for it.
"""

import contextlib
import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

_PIECE_BYTES = 16_384  # what one TLS record holds


@dataclass(slots=True)
class TimedCall:
    """The time limits of one call. `began` says that a byte of the request may have left.

    `ends_at` is a time of the monotonic clock; the timeouts are seconds.
    """

    ends_at: float
    connect_timeout: float
    read_timeout: float
    began: bool = False

    def expired(self) -> bool:
        return time.monotonic() >= self.ends_at

    def limit(self, timeout: float) -> float:
        """Returns the seconds that the next step may take. Raises TimeoutError after the deadline."""
        seconds = min(timeout, self.ends_at - time.monotonic())
        if seconds <= 0:
            raise TimeoutError("deadline")
        return seconds


_current: ContextVar[TimedCall] = ContextVar("_current")


@contextlib.contextmanager
def timed(call: TimedCall) -> Iterator[None]:
    """Makes connections that are used inside keep this call's deadline."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


class _TimedReader(io.RawIOBase):
    """Gives each read the rest of the call's time."""

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
        """Tries the host's addresses in turn, all within the deadline. urllib3 would give each the whole timeout."""
        failure: Exception = NewConnectionError(self, "the host has no address")
        for family, kind, protocol, _, address in self._addresses():
            try:
                return self._connected(socket.socket(family, kind, protocol), address)
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

    def _connected(self, sock: socket.socket, address: Any) -> socket.socket:
        call = _current.get()
        with contextlib.ExitStack() as cleanup:
            cleanup.enter_context(sock)
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(call.limit(call.connect_timeout))
            sock.connect(address)
            sock.settimeout(call.limit(call.connect_timeout))  # for the TLS handshake
            cleanup.pop_all()
        return sock

    def send(self, data: Any) -> None:
        call = _current.get()
        if self.sock is None:
            self.connect()
        call.began = True
        view = memoryview(data)
        for start in range(0, len(view), _PIECE_BYTES):
            self.sock.settimeout(call.limit(call.read_timeout))
            super().send(view[start : start + _PIECE_BYTES])


class _TimedHttps(_Timed, HTTPSConnection):
    pass


class TimedHttpPool(HTTPConnectionPool):
    ConnectionCls = _Timed


class TimedHttpsPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHttps
