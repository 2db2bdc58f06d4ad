"""Ports for programs that can't be told to take any free one."""

import socket
from contextlib import ExitStack, suppress
from random import SystemRandom

# Below those that systems give to outgoing connections: among these a free port may be taken a moment later.
_PORTS = range(20_000, 32_000)


def unused_ports(count: int) -> list[int]:
    """All different."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = SystemRandom().choice(_PORTS)
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
    return found


def unused_port() -> int:
    return unused_ports(1)[0]
