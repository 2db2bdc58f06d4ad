"""Child processes that leave nothing behind: each leads its own process group, and dies with the stack."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_PROJECT = Path(__file__).parents[2]
_LONGEST_LINE = 16 * 2**20
_KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH")


def base_environment() -> dict[str, str]:
    """The variables that any program needs. Nothing else of the user's environment reaches the children."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"PYTHONUNBUFFERED": "1", "TZ": ":UTC"}


async def start_python(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, inherited: Sequence[int] = ()
) -> Process:
    """Starts this interpreter again. One pipe carries its standard output and error. `inherited` are file descriptors.

    The calling thread must live as long as the child should, because Linux ends the child with that thread.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), sys.executable, *arguments),
        env=dict(environment),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
        pass_fds=tuple(inherited),
        limit=_LONGEST_LINE,
    )


class ServerProcess:
    """A Python module that serves on a socket bound here. Its first argument is the socket's descriptor."""

    def __init__(self, module: str, listener: socket.socket, *arguments: str, **environment: str) -> None:
        self._command = ("-m", module, str(listener.fileno()), *arguments)
        self._environment = base_environment() | environment | {"PYTHONPATH": f"{_PROJECT / 'src'}:{_PROJECT}"}
        self._listener = listener
        self._process: Process | None = None
        self._output: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._listener.setblocking(True)  # the child shares the flag, and its server expects a blocking socket
        self._process = await start_python(
            self._command,
            environment=self._environment,
            folder=_PROJECT,
            inherited=(self._listener.fileno(),),
        )
        self._listener.close()  # so that the port refuses connections once the process is gone
        self._output = asyncio.create_task(_copy_output(self._process))

    def signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    async def ended(self) -> str:
        """Waits for the end of the process, and says how it ended."""
        status = await self._process.wait() if self._process is not None else None
        return f"{self._command[1]} ended with status {status}"

    async def stop(self) -> None:
        if self._process is not None:
            await stop(self._process)


async def _copy_output(process: Process) -> None:
    """Shows what the servers print. They print only faults."""
    while process.stdout is not None and (line := await process.stdout.readline()):
        print(line.decode(errors="replace"), end="", file=sys.stderr)


def kill(process: Process) -> None:
    """Sends SIGKILL to the process and to everything that it started, which may outlive it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def stop(process: Process, patience: float = 3) -> None:
    """Sends SIGTERM, then SIGKILL after `patience` seconds."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
    kill(process)
    await process.wait()
