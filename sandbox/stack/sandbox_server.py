"""Runs the OMNI API sandbox as a process of the stack. SIGUSR1 tells it that the whole stack is ready.

`sandbox_server.py FILE_DESCRIPTOR CONFIG TIME_SCALE HOST…`: the descriptor of a listening socket, the scenarios' file,
sandbox seconds per real second, the names of this machine.
"""

import signal
import socket
import sys
from pathlib import Path
from threading import Event

from sandbox import local_sns
from sandbox.omni_api.app import create_app
from sandbox.omni_api.server import SandboxServer
from sandbox.omni_api.settings import settings_from

SNS_PATH = "/aws/sns"  # where the stand-in for SNS answers


def main() -> None:
    descriptor, config, time_scale, *hosts = sys.argv[1:]
    ready = Event()
    signal.signal(signal.SIGUSR1, lambda *_: ready.set())
    settings = settings_from(Path(config), time_scale=float(time_scale), hosts=frozenset(hosts), ready=ready.is_set)
    app = create_app(settings)
    app.router.routes.extend(local_sns.sns_routes(SNS_PATH))
    SandboxServer(app).run([socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main()
