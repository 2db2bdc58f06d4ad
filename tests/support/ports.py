"""Ports for programs that can't be told to take any free one."""

import socket
from contextlib import suppress
from random import SystemRandom

# Below those that systems give to outgoing connections: among these a free port may be taken a moment later.
_PORTS = range(20_000, 32_000)


def unused_port() -> int:
    while True:
        port = SystemRandom().choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
