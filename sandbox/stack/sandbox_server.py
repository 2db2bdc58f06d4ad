"""Runs the OMNI API sandbox as a process of the stack. SIGUSR1 tells it that the whole stack is ready.

The variable REPORT_URL is the account's address for reports. It holds a secret, so no command line shows it.

`sandbox_server.py FILE_DESCRIPTOR CONFIG TIME_SCALE HOST…`: the descriptor of a listening socket, the scenarios' file,
sandbox seconds per real second, the names of this machine.
"""

import os
import signal
import socket
import sys
from pathlib import Path
from threading import Event

from sandbox import local_sns, local_tokens
from sandbox.omni_api.app import create_app
from sandbox.omni_api.server import SandboxServer
from sandbox.omni_api.settings import settings_from

REPORT_URL = "REPORT_URL"
SNS_PATH = "/aws/sns"  # where the stand-in for SNS answers
KEY_SETS_PATH = "/key-sets"  # where every sender's key set is


def main() -> None:
    descriptor, config, time_scale, *hosts = sys.argv[1:]
    ready = Event()
    signal.signal(signal.SIGUSR1, lambda *_: ready.set())
    settings = settings_from(
        Path(config),
        time_scale=float(time_scale),
        hosts=frozenset(hosts),
        ready=ready.is_set,
        report_url=os.environ.get(REPORT_URL),
    )
    app = create_app(settings)
    app.router.routes.extend(local_sns.sns_routes(SNS_PATH))
    app.router.routes.extend(local_tokens.key_set_routes(KEY_SETS_PATH))
    SandboxServer(app).run([socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main()
