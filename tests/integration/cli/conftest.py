"""`omni-relay` as a process: against moto alone as AWS, on a pipe or on a terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
import requests
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from sandbox.running import announced
from sandbox.stack.cloud_server import KeepAlive, OneAtATime
from sandbox.stack.settings import PROJECT
from tests.support.moto_stack import create_stack
from tests.support.proxies import ProxiedStack

ACCOUNT = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


@dataclass(frozen=True, slots=True)
class Run:
    code: int
    out: str
    err: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """Runs the command in `folder`, with only these variables beside the path to the code."""

    folder: Path
    variables: Mapping[str, str]

    def __call__(self, *arguments: str, code: str | None = None, **variables: str) -> Run:
        started = self.start(*arguments, code=code, **variables)
        out, err = started.communicate(timeout=60)
        return Run(started.returncode, out, err)

    def start(self, *arguments: str, code: str | None = None, **variables: str) -> "subprocess.Popen[str]":
        """Starts it with its output on pipes. `code` takes the place of `-m cli`."""
        return subprocess.Popen(
            [sys.executable, *(("-c", code) if code else ("-m", "cli")), *arguments],
            cwd=self.folder,
            env=self._environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def on_terminal(self, *arguments: str, answer: str = "", **variables: str) -> Run:
        """Runs it on a terminal of its own, and types `answer` once it asks. Gives all that the terminal shows."""
        master, slave = pty.openpty()
        environment = self._environment({"TERM": "xterm-256color", "COLUMNS": "120", **variables})
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            cwd=self.folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        shown = _shown(master, process, answer)
        os.close(master)
        return Run(process.wait(10), shown)

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        path = {"PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}", "PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return {**path, **self.variables, **variables}


def _shown(master: int, process: "subprocess.Popen[bytes]", answer: str) -> str:
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            try:
                read = os.read(master, 4096)
            except OSError:  # Linux says so at the end
                break
            if not read:
                break
            shown += read
            if answer and b"[y/N]" in shown:
                os.write(master, f"{answer}\n".encode())
                answer = ""
        elif process.poll() is not None:
            break
    return shown.decode()


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=KeepAlive)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def account(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """An empty account with the stack in it. Gives the variables by which it is reached."""
    requests.post(f"{moto_server}/moto-api/reset", timeout=5)
    variables = {**ACCOUNT, "AWS_ENDPOINT_URL": moto_server}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    create_stack()
    return variables


@pytest.fixture
def omni_relay(account: Mapping[str, str], tmp_path: Path) -> Command:
    return Command(tmp_path, account)


@pytest.fixture
def local(stack: ProxiedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """The command where a local stack runs."""
    monkeypatch.setenv("RUN_FILE", str(tmp_path / "run.json"))
    with announced(stack):
        yield Command(PROJECT, {"RUN_FILE": str(tmp_path / "run.json")})


@pytest.fixture
def parameters(account: Mapping[str, str]) -> Callable[[], dict[str, tuple[str, str]]]:
    """Gives a function that reads all parameters: type and value by name, without the prefix."""
    del account
    ssm: Any = boto3.client("ssm")

    def read() -> dict[str, tuple[str, str]]:
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            Path="/omni-relay/dev", Recursive=True, WithDecryption=True
        )
        found = [one for page in pages for one in page["Parameters"]]
        return {one["Name"].removeprefix("/omni-relay/dev/"): (one["Type"], one["Value"]) for one in found}

    return read
