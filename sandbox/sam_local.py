"""Runs the built functions in Lambda's own container: `python -m sandbox.sam_local EVENT` (make invoke).

A container can't reach 127.0.0.1 of this machine, so each run starts its own stack on Docker's bridge.
"""

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import requests

from configuration.mistakes import Mistakes
from sandbox import event_files
from sandbox.signing import CannotSign
from sandbox.sockets import CannotListen
from sandbox.stack.sandbox_server import KEY_SETS_PATH, SNS_PATH
from sandbox.stack.settings import PROJECT, Ports, StackError, StackSettings
from sandbox.stack.stack import Stack
from sandbox.variables import Unusable, sources

SAM = PROJECT / ".venv-sam" / "bin" / "sam"
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
DOCKER_DESKTOP = "host.docker.internal"
# Variables whose values only a running stack knows. SAM itself would pass logical ids.
_FROM_STACK = ("TABLE_NAME", "RECORDS_TABLE_NAME", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL")


class CannotInvoke(Exception):
    """Docker or SAM can't run the function. The text says why."""


_PROBLEMS = (
    event_files.NoSuchEvent,
    event_files.NotAnEvent,
    CannotSign,
    Unusable,
    Mistakes,
    CannotInvoke,
    CannotListen,
    StackError,
)


@dataclass(frozen=True, slots=True)
class Invoked:
    """`answer` is the function's answer or Lambda's description of its error. `log` is what the function wrote."""

    answer: Any
    log: str

    @property
    def failed(self) -> bool:
        return isinstance(self.answer, dict) and "errorMessage" in self.answer


def docker_answers() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def bridge_address() -> str:
    """The address by which containers reach this machine. Raises CannotInvoke."""
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise CannotInvoke(f"Docker doesn't answer: {answer.stderr.strip()}")
    [network, *_] = json.loads(answer.stdout)
    return network.get("Gateway") or str(next(IPv4Network(network["Subnet"]).hosts()))  # old engines omit the gateway


def reachable(settings: StackSettings) -> StackSettings:
    """The settings with free ports that containers can reach."""
    if sys.platform == "linux":
        return replace(settings, ports=Ports.free(), bind_host=bridge_address())
    return replace(settings, ports=Ports.free(), public_host=DOCKER_DESKTOP)  # Docker Desktop forwards it to 127.0.0.1


@dataclass(frozen=True, slots=True)
class SamLocal:
    """`sam local` with a stack behind it. `folder` holds the files that it needs."""

    stack: Stack
    folder: Path

    def options(self) -> list[str]:
        """Options for `sam local invoke` and `sam local start-api`, beside those in samconfig.toml."""
        variables = self.folder / "variables.json"
        variables.write_text(json.dumps({"Parameters": self._variables()}))
        return [
            "--config-env",
            "local",
            "--env-vars",
            str(variables),
            f"--parameter-overrides=Architecture={ARCHITECTURE}",
        ]

    def _variables(self) -> Mapping[str, str]:
        environment = next(iter(self.stack.template.functions.values())).environment
        aws, sandbox = self.stack.public_url("aws"), self.stack.public_url("sandbox")
        own = {
            "AWS_ENDPOINT_URL": aws,
            "AWS_ENDPOINT_URL_SNS": sandbox + SNS_PATH,
            "KEY_SETS_ENDPOINT_URL": sandbox + KEY_SETS_PATH,
        }
        return own | {name: environment[name] for name in _FROM_STACK}

    def invoke(self, function: str, event: Mapping[str, Any]) -> Invoked:
        """Raises CannotInvoke if SAM itself fails. A function that fails is an answer."""
        command = [str(SAM), "local", "invoke", function, "--event", "-", *self.options()]
        done = subprocess.run(
            command, input=json.dumps(event), capture_output=True, text=True, cwd=PROJECT, check=False, timeout=300
        )
        lines = done.stdout.strip().splitlines()
        try:
            answer = json.loads(lines[-1])
        except (IndexError, ValueError):
            raise CannotInvoke(f"sam local invoke failed ({done.returncode}):\n{done.stdout}{done.stderr}") from None
        return Invoked(answer, "\n".join([*lines[:-1], done.stderr]))


@contextmanager
def sam_local(settings: StackSettings) -> Iterator[SamLocal]:
    """Starts a stack that containers reach. Raises CannotInvoke, and what Stack raises."""
    with tempfile.TemporaryDirectory(prefix="omni-relay-") as folder:
        logs = Path(folder) / "logs"
        with Stack(replace(reachable(settings), logs=logs)) as stack:
            yield SamLocal(stack, Path(folder))


def main(arguments: Sequence[str]) -> int:
    name, function = (*arguments, "", "")[:2]
    try:
        known = sources()
        event, function = event_files.fresh(name, known), function or event_files.function_of(name)
        with sam_local(StackSettings(config=known.config, secrets=known.secrets, processes=1)) as sam:
            invocation = sam.invoke(function, event)
            messages = requests.get(f"{sam.stack.sandbox_url}/sandbox/messages", timeout=5).json()["messages"]
    except _PROBLEMS as problem:
        print(problem, file=sys.stderr)
        return 2
    print(invocation.log)
    print(json.dumps(invocation.answer, indent=2))
    for message in messages:
        print(f"OMNI: {message['to']} {message['status']['name']}: {message['text']}")
    return int(invocation.failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
