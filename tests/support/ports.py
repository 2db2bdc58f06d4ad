"""Free ports for programs that can't choose a free one themselves."""

import socket
from contextlib import ExitStack, suppress
from random import SystemRandom

# These are below the ports that systems give to outgoing connections. Among those, a port that is free now may be taken
# a moment later.
_PORTS = range(20_000, 32_000)


def unused_ports(count: int) -> list[int]:
    """Returns different ports."""
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
