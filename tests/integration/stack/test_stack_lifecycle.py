"""`make run` starts completely or not at all, says what is wrong, and leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.running import guide
from sandbox.sockets import PortInUse
from sandbox.stack.function_log import hold
from sandbox.stack.settings import PROJECT, StackSettings
from sandbox.stack.stack import Stack
from sandbox.variables import Unusable, settings_from_environment
from tests.support.ports import unused_ports

VARIABLES = ("RELAY_PORT", "SANDBOX_PORT", "AWS_PORT", "LAMBDA_PORT")
Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def ports() -> dict[str, str]:
    """Free ports by their variables."""
    return {name: str(port) for name, port in zip(VARIABLES, unused_ports(len(VARIABLES)), strict=True)}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Starts what `make run` runs. Its logs have their own folder, because tests run at the same time."""
    started: list[subprocess.Popen[str]] = []

    def start(variables: Mapping[str, str]) -> "subprocess.Popen[str]":
        environment = os.environ | {"PYTHONPATH": f"src{os.pathsep}.", "LOGS": str(tmp_path)}
        environment |= {"RUN_FILE": str(tmp_path / "run.json")} | dict(variables)
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox"],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def verb(folder: Path, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs what finds the stack by its run.json. No variable names a port."""
    environment = os.environ | {"PYTHONPATH": f"src{os.pathsep}.", "RUN_FILE": str(folder / "run.json")}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def health(ports: Mapping[str, str]) -> int:
    try:
        return requests.get(f"http://127.0.0.1:{ports['SANDBOX_PORT']}/sandbox/health", timeout=5).status_code
    except requests.RequestException:
        return 0


def ready(process: "subprocess.Popen[str]", ports: Mapping[str, str]) -> bool:
    assert process.poll() is None, process.communicate()
    return health(ports) == 200


def children(pid: int) -> set[int]:
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=2) for line in listing.splitlines())
    return {int(child) for child, parent, command in rows if int(parent) == pid and command != "ps"}


def command(pid: int) -> str:
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout


def alive(pids: set[int]) -> set[int]:
    listing = subprocess.run(["ps", "-axo", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    states = dict(line.split() for line in listing.splitlines())
    return {pid for pid in pids if str(pid) in states and not states[str(pid)].startswith("Z")}


@pytest.mark.parametrize("ending", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_ends_it_with_all_its_processes(
    run: Run, ports: dict[str, str], eventually: Callable[..., Any], ending: signal.Signals, tmp_path: Path
) -> None:
    process = run(ports)
    eventually(lambda: ready(process, ports), 60)
    # Once healthy, the relay answers.
    answer = requests.post(f"http://127.0.0.1:{ports['RELAY_PORT']}/webhooks/no-such-source", timeout=30)
    assert answer.status_code == requests.codes.not_found
    servants = children(process.pid)
    assert len(servants) >= 5  # three functions, the sandbox, AWS
    assert process.stdout
    guide = list(takewhile(lambda line: "Ctrl-C stops everything." not in line, process.stdout))
    assert any("make event EVENT=github-release" in line for line in guide)
    told = verb(tmp_path, "sandbox.event_files", "post", "github-release")
    assert told.stdout.startswith("HTTP 200 OK"), told.stderr
    told = verb(tmp_path, "cli", "replay", "--local", "--dry-run")
    assert told.stdout == "0 would be replayed, 0 left\n", told.stderr

    process.send_signal(ending)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert alive(servants) == set()
    assert not (tmp_path / "run.json").exists()


def test_a_signal_while_it_starts_ends_it_then_and_there(run: Run, ports: dict[str, str]) -> None:
    process = run(ports)
    assert process.stdout
    assert process.stdout.readline() == "Starting …\n"
    process.send_signal(signal.SIGINT)
    servants = children(process.pid)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "Stopped.\n", "")
    assert alive(servants) == set()


def test_a_signal_while_it_imports_ends_it_without_a_traceback(run: Run, ports: dict[str, str]) -> None:
    process = run(ports | {"PYTHONPROFILEIMPORTTIME": "1"})
    assert process.stderr
    next(line for line in process.stderr if line.endswith(" yaml\n"))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (-signal.SIGINT, "")
    assert all(line.startswith("import time:") for line in errors.splitlines())


@pytest.mark.parametrize(
    ("sources", "suggested"),
    [
        (("ci", "github"), ["github-release", "schedule"]),
        (("ci",), ["ci-build-failed", "schedule"]),
        (("unheard-of",), ["schedule"]),
    ],
)
def test_the_guide_suggests_events_of_configured_sources(
    tiny_settings: Callable[..., StackSettings], sources: tuple[str, ...], suggested: list[str]
) -> None:
    stack = Stack(tiny_settings(config={"sources": {name: {"verify": "bearer"} for name in sources}}))
    said = guide(stack)
    stack.close()
    assert re.findall(r"make event EVENT=([\w-]+)", said) == suggested


def test_a_server_that_dies_ends_the_whole_with_its_name(
    run: Run, ports: dict[str, str], eventually: Callable[..., Any]
) -> None:
    process = run(ports)
    eventually(lambda: ready(process, ports), 60)
    servants = children(process.pid)
    [cloud] = [pid for pid in servants if "cloud_server" in command(pid)]
    os.kill(cloud, signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "sandbox.stack.cloud_server ended with status -9, so the stack stops" in errors
    assert alive(servants) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to the life of its parent")
def test_even_sigkill_leaves_no_process_behind(
    run: Run, ports: dict[str, str], eventually: Callable[..., Any], tmp_path: Path
) -> None:
    process = run(ports)
    eventually(lambda: ready(process, ports), 60)
    servants = children(process.pid)
    process.kill()
    eventually(lambda: not alive(servants))
    process.wait(timeout=20)
    with ExitStack() as held:
        hold(tmp_path, held)  # the folder of the logs is free again


def test_a_port_in_use_ends_it_with_the_variable_that_changes_it(run: Run, ports: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(ports["AWS_PORT"]))):
        process = run(ports)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert errors == f"port {ports['AWS_PORT']} is in use; free it, or choose another one with AWS_PORT=…\n"


def test_a_second_stack_that_would_empty_the_first_one_s_logs_is_refused(
    run: Run, ports: dict[str, str], tmp_path: Path
) -> None:
    with ExitStack() as held:
        hold(tmp_path, held)
        second = run(ports)
        _, errors = second.communicate(timeout=30)
    assert second.returncode == 2
    assert errors == f"another stack writes its logs to {tmp_path}; stop it, or choose another folder with LOGS=…\n"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "a..b"])
def test_a_host_that_is_not_this_machine_ends_it_with_the_variable_that_changes_it(
    run: Run, ports: dict[str, str], host: str
) -> None:
    process = run(ports | {"BIND_HOST": host})
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert errors.startswith(f"can't listen on {host}:{ports['RELAY_PORT']}: ")
    assert errors.endswith("; check BIND_HOST and RELAY_PORT\n")


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_port_in_use_is_named_with_its_variable(
    tiny_settings: Callable[..., StackSettings],
    ports: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    for name, port in ports.items():
        monkeypatch.setenv(name, port)
    chosen = settings_from_environment().ports
    with (
        socket.create_server(("127.0.0.1", int(ports[variable]))),
        pytest.raises(PortInUse, match=f"{ports[variable]} .* {variable}=") as error,
    ):
        Stack(replace(tiny_settings(), ports=chosen))
    assert error.value.setting == variable


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("RELAY_PORT", "many", "RELAY_PORT: expected a port number, not 'many'"),
        ("SANDBOX_PORT", "65536", "SANDBOX_PORT: expected a port number, not '65536'"),
        ("CONFIG", "no/such/file.yaml", r"CONFIG: no/such/file.yaml: No such file or directory"),
        ("SECRETS", "README.md", "README.md"),
    ],
)
def test_a_file_or_variable_that_can_not_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Unusable, match=said):
        settings_from_environment()


def test_another_configuration_needs_none_of_our_fake_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text("sources: {github: {verify: github}}")
    monkeypatch.setenv("CONFIG", str(config))
    assert settings_from_environment().secrets["sources"].keys() == {"github"}


def test_a_mistake_in_relay_yaml_names_source_and_route(run: Run, ports: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text("sources: {github: {verify: github, routes: {release: {scenario: unheard-of, to: []}}}}")
    process = run(ports | {"CONFIG": str(config)})
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "source github, route release" in errors
    assert "Traceback" not in errors


def test_a_stack_that_fails_to_start_leaves_no_process_behind(
    tiny_settings: Callable[..., StackSettings], tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(3)\n")
    template = tmp_path / "template.yaml"
    template.write_text("Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: broken.handler}}}")
    before = children(os.getpid())
    settings = StackSettings(template=template, logs=tmp_path, ports=tiny_settings().ports, with_sandbox=False)
    with pytest.raises(Exception, match="F can't start"), Stack(settings):
        pass
    assert children(os.getpid()) <= before
