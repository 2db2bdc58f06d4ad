"""TCP sockets of the local servers: one that listens, and one that is reset."""

import asyncio
import errno
import socket
import struct
from typing import Final

_BACKLOG: Final = 2048


class CannotListen(Exception):
    """The text says where, and which settings to change."""


class PortInUse(CannotListen):
    """`setting` is the environment variable or option that chooses another port."""

    def __init__(self, port: int, setting: str) -> None:
        super().__init__(f"port {port} is in use; free it, or choose another one with {setting}=…")
        self.port = port
        self.setting = setting


def listen(host: str, port: int = 0, *, port_setting: str = "", host_setting: str = "BIND_HOST") -> socket.socket:
    """A socket that listens; port 0 takes any free one. The settings are named in errors.

    Raises:
        PortInUse: another program listens there.
        CannotListen: the system refuses for another reason.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only for a socket that names its protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host with an empty label, such as a..b
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise PortInUse(port, port_setting) from None
        why = error.strerror if isinstance(error, OSError) else "not a host name"
        raise CannotListen(f"can't listen on {host}:{port}: {why}; check {host_setting} and {port_setting}") from None
    listener.setblocking(False)
    return listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def reset(transport: asyncio.WriteTransport) -> None:
    """Closes an open connection with RST instead of FIN. A linger time of zero makes the system do so."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
