"""The local stack as one object: everything that template.yaml declares, running on this machine."""

import asyncio
import json
import os
import signal
import socket
import threading
from asyncio import FIRST_COMPLETED
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import requests

from sandbox.omni_api.settings import scenarios_in
from sandbox.sockets import listen, port_of
from sandbox.stack.assembly import START_TIMEOUT, Assembly
from sandbox.stack.cloud import client, replace_parameters
from sandbox.stack.function_log import hold
from sandbox.stack.invocations import FunctionOutcome
from sandbox.stack.settings import StackError, StackSettings
from sandbox.stack.specs import SamTemplate

_T = TypeVar("_T")
_NO_PROXY = {"http": ""}  # the user's proxy must not be asked for this machine


class StackStopped(Exception):
    """The stack was stopped while it started."""


class Stack:
    """A context manager. It runs in a thread of its own, so that tests and terminals use it alike.

    Its constructor raises CannotListen and LogsInUse. Entering it raises TemplateError, Mistakes, StackError and
    StackStopped.
    """

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        self.stopping = False
        with ExitStack() as held:
            self._listeners = _bound(settings, held)
            hold(settings.logs, held)
            self._held = held.pop_all()
        urls = {name: f"http://{settings.local_host}:{port_of(bound)}" for name, bound in self._listeners.items()}
        self.relay_url, self.sandbox_url = urls["relay"], urls["sandbox"]
        self.aws_url, self.lambda_url = urls["aws"], urls["lambda"]
        self._assembly = Assembly(settings, self._listeners, urls)
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._started: Future[None] = Future()
        self._ended: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="local-stack", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._started.result(START_TIMEOUT)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops everything, and leaves no process behind. Call it only for a stack that was never entered."""
        if self._thread.is_alive():
            self.stop()
            self._thread.join()
        self._loop.close()
        self._held.close()

    def stop(self) -> None:
        """Asks the stack to stop, and doesn't wait. Any thread or signal handler may call it."""
        self.stopping = True
        with suppress(RuntimeError):  # the loop is closed, so the stack has ended
            self._loop.call_soon_threadsafe(self._stopping.set)

    def wait(self) -> None:
        """Waits until the stack is asked to stop. Raises StackError if a part ends by itself, which stops all."""
        self._ended.result()

    @property
    def template(self) -> SamTemplate:
        return self._assembly.template

    @property
    def report_token(self) -> str:
        """The secret in the URL of the pushed reports."""
        return self._assembly.report_token

    def public_url(self, name: str) -> str:
        """The address of relay, sandbox, aws or lambda, as containers reach it."""
        return self._assembly.public_url(name)

    def client(self, service: str) -> Any:
        """A boto3 client of the stack's AWS."""
        return client(service, self.aws_url)

    def queue_url(self, logical_id: str) -> str:
        return self.template.queue_url(logical_id, self.aws_url)

    @property
    def outputs(self) -> dict[str, str]:
        """The template's outputs that verbs need, by their keys."""
        prefix = self.template.environment.get("PARAMETER_PREFIX", "")
        return {
            "ParameterPrefix": prefix,
            **self._assembly.scheduling,
            **{f"{name}Url": self.queue_url(name) for name in self.template.queues},
            **{f"{name}Name": table.name for name, table in self.template.tables.items()},
        }

    def configure(self, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> None:
        """Puts another configuration in the place of the present one. Queues, messages and processes stay.

        Functions read it after `ConfigTtlSeconds`. Raises Mistakes and SettingsError, and then changes nothing.
        """
        after = self._assembly.parameters(config, secrets)
        before = self._assembly.parameters(self.settings.config, self.settings.secrets)
        scenarios = {"scenarios": config.get("scenarios")}
        scenarios_in(scenarios["scenarios"])
        requests.post(f"{self.sandbox_url}/sandbox/scenarios", json=scenarios, timeout=5, proxies=_NO_PROXY)
        replace_parameters(self.aws_url, before, after)
        self._assembly.replace_schedules(self.settings.config, config)
        self.settings = replace(self.settings, config=config, secrets=secrets)

    def invoke(self, function: str, payload: Any) -> FunctionOutcome:
        """Invokes the function with that logical id, and waits for it. `payload` becomes JSON."""
        return self._call(self._assembly.functions[function].invoke(json.dumps(payload).encode()))

    def pids(self, function: str) -> list[int]:
        """The ids of the function's processes that are alive now."""
        return self._assembly.functions[function].pids

    def kill(self, pid: int) -> None:
        """Ends a process by SIGKILL, as a lack of memory or a lost host would."""
        os.kill(pid, signal.SIGKILL)

    def replace_processes(self, function: str) -> None:
        """Forgets everything that the function keeps in memory. Returns once it is ready again."""
        self._call(self._assembly.functions[function].replace_processes())

    def log_path(self, function: str) -> Path:
        return self.settings.logs / f"{function}.jsonl"

    def log_records(self, function: str) -> list[dict[str, Any]]:
        """The lines that the function has logged since the start. A line that is still being written is left out."""
        return _records(self.log_path(function))

    @property
    def bus_events(self) -> list[dict[str, Any]]:
        """Returns the events published on EventBridge's buses so far: `{time, bus, detail-type, detail}`."""
        return _records(self.log_path("EventBus"))

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # These run in the stack's own thread.

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        async with AsyncExitStack() as running:
            starting = asyncio.create_task(self._assembly.start(running))
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({starting, stopping}, return_when=FIRST_COMPLETED)
            starting.cancel()
            await asyncio.wait({starting})
            error = StackStopped() if starting.cancelled() else starting.exception()
            if error is not None:
                self._started.set_exception(error)
                return
            self._started.set_result(None)
            servers = {asyncio.create_task(server.ended()) for server in self._assembly.servers}
            ended, _ = await asyncio.wait({stopping, *servers}, return_when=FIRST_COMPLETED)
            if stopping in ended:
                self._ended.set_result(None)
            else:
                self._ended.set_exception(StackError(f"{ended.pop().result()}, so the stack stops"))


def _records(path: Path) -> list[dict[str, Any]]:
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def _bound(settings: StackSettings, held: ExitStack) -> dict[str, socket.socket]:
    """The listening sockets by their names. `held` closes them. Raises CannotListen."""
    ports = settings.ports
    wanted = {"relay": ports.relay, "sandbox": ports.sandbox, "aws": ports.aws, "lambda": ports.lambda_}
    return {
        name: held.enter_context(listen(settings.bind_host, port, port_setting=f"{name.upper()}_PORT"))
        for name, port in wanted.items()
    }
