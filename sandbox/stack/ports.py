"""Listening sockets, bound before anything else starts, so that a port in use is known at once and by name."""

import errno
import socket
from dataclasses import dataclass


class CannotListen(Exception):
    """The text says where, and which environment variable to change."""


class PortInUse(CannotListen):
    """`variable` is the environment variable that chooses another port."""

    def __init__(self, port: int, variable: str) -> None:
        super().__init__(f"port {port} is in use; free it, or choose another one with {variable}=…")
        self.port = port
        self.variable = variable


@dataclass(frozen=True, slots=True)
class Ports:
    """0 is any free port."""

    relay: int = 3000
    sandbox: int = 8025
    aws: int = 4566
    lambda_: int = 3001

    @classmethod
    def free(cls) -> "Ports":
        return cls(0, 0, 0, 0)


def listen(host: str, port: int = 0, variable: str = "") -> socket.socket:
    """Raises PortInUse, or CannotListen for another reason."""
    # asyncio turns Nagle's delay off only where the protocol is spelled out.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host with an empty label, such as a..b
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise PortInUse(port, variable) from None
        why = error.strerror if isinstance(error, OSError) else "not a host name"
        raise CannotListen(f"can't listen on {host}:{port}: {why}; check BIND_HOST and {variable}") from None
    listener.setblocking(False)
    return listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])
