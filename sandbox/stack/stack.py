"""The local stack as one object: everything that template.yaml declares, running on this machine."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from http.client import OK, SERVICE_UNAVAILABLE
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import requests

from sandbox.stack.cloud import CREDENTIALS, Parameter, client, cloud_process, create_resources
from sandbox.stack.function_log import FunctionLog
from sandbox.stack.functions import LambdaFunction, Worker
from sandbox.stack.gateway import Gateway
from sandbox.stack.invocations import Outcome
from sandbox.stack.invoke_api import invoke_api
from sandbox.stack.polling import QueuePoller
from sandbox.stack.ports import Ports, listen, port_of
from sandbox.stack.processes import ServerProcess
from sandbox.stack.proxies import Reachability, ServiceProxy
from sandbox.stack.runtime_api import runtime_api
from sandbox.stack.schedules import Scheduler
from sandbox.stack.servers import Server
from sandbox.stack.template import ACCOUNT, FunctionSpec, Template, read_template
from sandbox.stack.trail import Trail

_T = TypeVar("_T")
PROJECT = Path(__file__).parents[2]
PROXIED_SERVICES = ("ssm", "sqs", "dynamodb", "s3")
START_TIMEOUT = 60
ParametersFor = Callable[[str], Iterable[Parameter]]


class StackError(Exception):
    """The stack can't start; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """`scenarios` is relay.yaml's section; `parameters_for` gives what SSM holds, given the sandbox's URL.

    `template_parameters` override the template's defaults; `queue_attributes` and `timeouts` (seconds), by logical id,
    shorten what tests can't wait for. `faults` puts a proxy before each AWS service.
    """

    template: Path = PROJECT / "template.yaml"
    scenarios: Mapping[str, Any] = field(default_factory=dict)
    parameters_for: ParametersFor = lambda _: ()
    template_parameters: Mapping[str, str] = field(default_factory=dict)
    queue_attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    timeouts: Mapping[str, float] = field(default_factory=dict)
    ports: Ports = field(default_factory=Ports)
    bind_host: str = "127.0.0.1"
    public_host: str | None = None
    logs: Path = PROJECT / ".local" / "logs"
    processes: int = 4
    integration_timeout: float = 30
    with_sandbox: bool = True
    time_scale: float = 1
    faults: bool = False


class Stack:
    """A context manager: what it starts lives in a thread of its own, so that tests and terminals use it alike.

    Raises PortInUse on construction; TemplateError and StackError on entering.
    """

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        host, ports = settings.bind_host, settings.ports
        self._listeners = {}
        for name, port in (
            ("relay", ports.relay),
            ("sandbox", ports.sandbox),
            ("aws", ports.aws),
            ("lambda", ports.lambda_),
        ):
            self._listeners[name] = listen(host, port, f"{name.upper()}_PORT")
        reachable = settings.public_host or ("127.0.0.1" if host == "0.0.0.0" else host)
        urls = {name: f"http://{reachable}:{port_of(listener)}" for name, listener in self._listeners.items()}
        self.relay_url, self.sandbox_url = urls["relay"], urls["sandbox"]
        self.aws_url, self.lambda_url = urls["aws"], urls["lambda"]
        self.template: Template
        self.functions: dict[str, LambdaFunction] = {}
        self.proxies: dict[str, ServiceProxy] = {}
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._started: Future[None] = Future()
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
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        for listener in self._listeners.values():
            listener.close()

    # What tests do to it.

    def client(self, service: str) -> Any:
        """A boto3 client of the stack's AWS, past the proxies."""
        return client(service, self.aws_url)

    def queue_url(self, logical_id: str) -> str:
        return f"{self.aws_url}/{ACCOUNT}/{self.template.queues[logical_id].name}"

    def invoke(self, function: str, payload: Any) -> Outcome:
        return self._call(self.functions[function].invoke(json.dumps(payload).encode()))

    def pids(self, function: str) -> list[int]:
        return self.functions[function].pids

    def kill(self, pid: int) -> None:
        """SIGKILL, as an out-of-memory or a lost host would end a process."""
        os.kill(pid, signal.SIGKILL)

    def set_reachability(self, service: str, reachability: Reachability) -> None:
        """Of ssm, sqs, dynamodb or s3, as the functions see it; needs `faults`."""
        self._call(self.proxies[service].become(reachability))

    def log_path(self, function: str) -> Path:
        return self.settings.logs / f"{function}.jsonl"

    def log_records(self, function: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_path(function).read_text(encoding="utf-8").splitlines()]

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # Its own thread.

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._live())
            except BaseException as error:  # handed to the thread that waits for the start
                if self._started.done():
                    raise
                self._started.set_exception(error)

    async def _live(self) -> None:
        async with AsyncExitStack() as running:
            await self._start(running)
            self._started.set_result(None)
            await self._stopping.wait()

    async def _start(self, running: AsyncExitStack) -> None:
        self.template = self._read_template()
        cloud = cloud_process(self._listeners["aws"])
        await cloud.start()
        running.push_async_callback(cloud.stop)
        sandbox = await self._start_sandbox(running)
        trail = Trail(self.sandbox_url)
        await self._start_functions(running, trail)
        await create_resources(self.aws_url, self.template, self.settings.parameters_for(self.sandbox_url))
        await self._until_functions_are_ready()
        await self._start_triggers(running)
        if sandbox is not None:
            await self._until_sandbox_is_ready(sandbox)
            trail.start()
            running.push_async_callback(trail.stop)

    def _read_template(self) -> Template:
        settings = self.settings
        template = read_template(settings.template, cloud_url=self.aws_url, parameters=settings.template_parameters)
        queues = {
            name: replace(queue, attributes={**queue.attributes, **settings.queue_attributes.get(name, {})})
            for name, queue in template.queues.items()
        }
        functions = {
            name: replace(function, timeout=settings.timeouts.get(name, function.timeout))
            for name, function in template.functions.items()
        }
        return replace(template, queues=queues, functions=functions)

    async def _start_sandbox(self, running: AsyncExitStack) -> ServerProcess | None:
        if not self.settings.with_sandbox:
            return None
        self.settings.logs.mkdir(parents=True, exist_ok=True)
        config = self.settings.logs / "sandbox.json"
        config.write_text(json.dumps({"scenarios": dict(self.settings.scenarios)}), encoding="utf-8")
        arguments = (str(config), str(self.settings.time_scale))
        sandbox = ServerProcess("sandbox.stack.sandbox_server", self._listeners["sandbox"], *arguments)
        await sandbox.start()
        running.push_async_callback(sandbox.stop)
        return sandbox

    async def _start_functions(self, running: AsyncExitStack, trail: Trail) -> None:
        environment = CREDENTIALS | {"AWS_ENDPOINT_URL": self.aws_url, "AWS_EC2_METADATA_DISABLED": "true"}
        environment |= await self._start_proxies(running)
        specs = self.template.functions
        sockets = {name: [listen("127.0.0.1") for _ in range(self.settings.processes)] for name in specs}
        for name, spec in specs.items():
            log = FunctionLog(self.log_path(name), trail.note)
            ports = [port_of(listener) for listener in sockets[name]]
            self.functions[name] = LambdaFunction(spec, environment=environment, ports=ports, log=log)
        workers: dict[int, tuple[FunctionSpec, Worker]] = {
            worker.port: (function.spec, worker) for function in self.functions.values() for worker in function.workers
        }
        server = Server(runtime_api(workers), [listener for group in sockets.values() for listener in group])
        await server.start()
        running.push_async_callback(server.stop)
        for function in self.functions.values():
            running.push_async_callback(function.stop)
            function.prewarm()

    async def _start_proxies(self, running: AsyncExitStack) -> dict[str, str]:
        if not self.settings.faults:
            return {}
        host, _, port = self.aws_url.removeprefix("http://").partition(":")
        for service in PROXIED_SERVICES:
            proxy = self.proxies[service] = ServiceProxy(host, int(port))
            await proxy.start()
            running.push_async_callback(proxy.stop)
        return {f"AWS_ENDPOINT_URL_{service.upper()}": proxy.url for service, proxy in self.proxies.items()}

    async def _start_triggers(self, running: AsyncExitStack) -> None:
        template, functions = self.template, self.functions
        gateway = Gateway(
            template.routes, functions, template.throttle, integration_timeout=self.settings.integration_timeout
        )
        for app, name in ((gateway, "relay"), (invoke_api(functions), "lambda")):
            server = Server(app, [self._listeners[name]])
            await server.start()
            running.push_async_callback(server.stop)
        sqs = await asyncio.to_thread(self.client, "sqs")
        triggers: list[QueuePoller | Scheduler] = [
            QueuePoller(sqs, template.queues[m.queue], self.queue_url(m.queue), m, functions[m.function])
            for m in template.mappings
        ]
        triggers += [Scheduler(spec, functions[spec.function]) for spec in template.schedules if spec.enabled]
        for trigger in triggers:
            trigger.start()
            running.push_async_callback(trigger.stop)

    async def _until_functions_are_ready(self) -> None:
        waiting = set(self.functions.values())
        while waiting:
            for function in waiting:
                if function.init_error is not None:
                    error = function.init_error.json()
                    name, log = function.spec.logical_id, function.log.path
                    raise StackError(f"{name} can't start: {error.get('errorMessage')} (its log is {log})")
            waiting = {function for function in waiting if not function.ready}
            await asyncio.sleep(0.02)

    async def _until_sandbox_is_ready(self, sandbox: ServerProcess) -> None:
        """It answers 503 until the signal says that all the rest is up."""
        url = f"{self.sandbox_url}/sandbox/health"
        await asyncio.to_thread(_wait_for, url, SERVICE_UNAVAILABLE)
        sandbox.signal(signal.SIGUSR1)
        await asyncio.to_thread(_wait_for, url, OK)


def _wait_for(url: str, status: int) -> None:
    """Raises StackError where the server doesn't live to give that answer."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        try:
            if requests.get(url, timeout=START_TIMEOUT).status_code == status:
                return
        except requests.RequestException as error:
            raise StackError(f"the sandbox doesn't start: {error}") from error
        time.sleep(0.02)
    raise StackError(f"{url} doesn't answer {status}")
