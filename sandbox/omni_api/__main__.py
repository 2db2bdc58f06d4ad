"""Runs the sandbox alone: `python -m sandbox.omni_api --port 8025 --config relay.yaml`."""

import argparse
import os
import sys
from pathlib import Path

from sandbox.omni_api.app import create_app
from sandbox.omni_api.clock import MAX_TIME_SCALE
from sandbox.omni_api.server import SandboxServer
from sandbox.omni_api.settings import SandboxSettings, SettingsError, settings_from
from sandbox.sockets import CannotListen, listen, port_of


def _scale(text: str) -> float:
    scale = float(text)
    if not 0 < scale <= MAX_TIME_SCALE:
        raise argparse.ArgumentTypeError(f"must be more than 0, and at most {MAX_TIME_SCALE:g}")
    return scale


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox.omni_api", description="A local OMNI API with an inbox page.")
    parser.add_argument("--host", default="127.0.0.1")
    public = os.environ.get("PUBLIC_HOST", "")
    parser.add_argument("--public-host", default=public, help="a further name by which clients call this machine")
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", "8025")))
    parser.add_argument("--config", type=Path, help="a relay.yaml, whose scenario keys the sandbox then knows")
    parser.add_argument("--credential", action="append", default=[], help="a further Authorization value to accept")
    parser.add_argument("--time-scale", type=_scale, default=1.0, help="sandbox seconds per real second")
    parser.add_argument("--report-url", help="push the reports of messages without a notifyUrl of their own there")
    parser.add_argument("--report-format", choices=("json", "xml"), default="json", help="the format of those reports")
    parser.add_argument("--push-anywhere", action="store_true", help="push reports to hosts other than this machine")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    others = {
        "credentials": tuple(arguments.credential),
        "time_scale": arguments.time_scale,
        "hosts": frozenset({arguments.host, arguments.public_host}),
        "report_url": arguments.report_url,
        "report_content_type": f"application/{arguments.report_format}",
        "push_beyond_loopback": arguments.push_anywhere,
    }
    try:
        settings = settings_from(arguments.config, **others) if arguments.config else SandboxSettings(**others)
        listener = listen(arguments.host, arguments.port, port_setting="--port", host_setting="--host")
    except (SettingsError, CannotListen) as error:
        print(error, file=sys.stderr)
        return 2
    port = port_of(listener)
    print(f"OMNI API sandbox on http://{arguments.host}:{port}/omni/1, inbox at http://{arguments.host}:{port}/")
    SandboxServer(create_app(settings)).run([listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
