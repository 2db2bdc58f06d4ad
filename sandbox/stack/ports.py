"""Listening sockets, bound before anything else starts, so that a port in use is known at once and by name."""

import errno
import socket
from dataclasses import dataclass


class PortInUse(Exception):
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
    """Raises PortInUse."""
    # asyncio turns Nagle's delay off only where the protocol is spelled out.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(port, variable) from None
        raise
    listener.setblocking(False)
    return listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])
