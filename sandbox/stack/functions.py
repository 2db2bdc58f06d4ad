"""Lambda's part: hands invocations to a function's processes, and starts, times out and replaces these."""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

from sandbox.stack.function_log import FunctionLog
from sandbox.stack.invocations import (
    MAX_PAYLOAD_BYTES,
    Invocation,
    Outcome,
    PayloadTooLarge,
    Throttled,
    failure,
    new_trace_id,
)
from sandbox.stack.processes import base_environment, kill, start_python
from sandbox.stack.template import REGION, FunctionSpec

INIT_TIMEOUT = 30  # Lambda gives 10 s; a laptop that compiles the modules for the first time needs longer


class ProcessLost(Exception):
    """The process that waited for work has died."""


class Worker:
    """One execution environment: a process at a time, and in it one invocation at a time."""

    def __init__(self, function: "LambdaFunction", port: int) -> None:
        self.port = port
        self.current: Invocation | None = None
        self.process: Process | None = None
        self._function = function
        self._next: asyncio.Future[Invocation] | None = None
        self._init_error: Outcome | None = None
        self._ready = False
        self._life: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def alive(self) -> bool:
        return self._life is not None and not self._life.done()

    @property
    def initialising(self) -> bool:
        return self.alive and not self._ready

    def start(self) -> None:
        if not self.alive:
            self._ready, self._init_error = False, None
            self._life = asyncio.create_task(self._live())

    async def stop(self) -> None:
        if self._life is not None:
            self._life.cancel()
            with suppress(asyncio.CancelledError):
                await self._life
        if self.process is not None:
            await self.process.wait()
        self._stop_waiting()

    async def _live(self) -> None:
        self.process = await self._function.spawn(self.port)
        init_limit = asyncio.get_running_loop().call_later(INIT_TIMEOUT, self._init_timed_out)
        try:
            await self._copy_log(self.process)
            code = await self.process.wait()
        finally:
            init_limit.cancel()
            kill(self.process)
        self._died(code)

    async def _copy_log(self, process: Process) -> None:
        """Until the process ends: that is when the pipe does, unless a child of its holds on to it."""
        if process.stdout is None:
            return
        ended = asyncio.create_task(process.wait())
        ended.add_done_callback(lambda _: kill(process))
        while line := await process.stdout.readline():
            self._function.log.write(line)
        await ended

    def _died(self, code: int) -> None:
        was_ready, self._ready = self._ready, False
        self._stop_waiting()
        reason = f"signal: {signal.strsignal(-code)}".lower() if code < 0 else f"exit status {code}"
        lost = self._init_error or failure("Runtime.ExitError", f"Error: Runtime exited with error: {reason}")
        if self.current is not None:
            self.finish(self.current.id, lost)
        elif not was_ready:
            self._function.init_failed(lost)
        self._function.lost(self, restart=was_ready)

    def _stop_waiting(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_exception(ProcessLost())
        self._next = None

    def _init_timed_out(self) -> None:
        if self.process is not None and not self._ready:
            self._init_error = failure("Sandbox.Timedout", f"Error: Init timed out after {INIT_TIMEOUT} seconds")
            kill(self.process)

    # What the process asks for by the Runtime API.

    async def next(self) -> Invocation:
        """Waits for an invocation. Raises ProcessLost when the process dies meanwhile."""
        self._ready = True
        work: asyncio.Future[Invocation] = asyncio.get_running_loop().create_future()
        self._next = work
        self._function.offer(self)
        return await work

    def finish(self, invocation_id: str, outcome: Outcome) -> bool:
        """False where the process isn't working on that invocation, or no longer."""
        if self.current is None or self.current.id != invocation_id:
            return False
        if self._alarm is not None:
            self._alarm.cancel()
        self.current.settle(outcome)
        self.current = None
        return True

    def init_failed(self, outcome: Outcome) -> None:
        self._init_error = outcome

    # What the function asks of it.

    def take(self, invocation: Invocation) -> bool:
        """False where the process died meanwhile."""
        if self._next is None or self._next.done():
            return False
        timeout = self._function.spec.timeout
        invocation.deadline = time.time() + timeout
        self.current = invocation
        self._alarm = asyncio.get_running_loop().call_later(timeout, self._timed_out, invocation)
        self._next.set_result(invocation)
        self._next = None
        return True

    def _timed_out(self, invocation: Invocation) -> None:
        seconds = self._function.spec.timeout
        message = f"RequestId: {invocation.id} Error: Task timed out after {seconds:.2f} seconds"
        self.finish(invocation.id, failure("Sandbox.Timedout", message))
        if self.process is not None:
            kill(self.process)


class LambdaFunction:
    """`ports` hold one Runtime API port per process: there can be as many processes as ports."""

    def __init__(
        self, spec: FunctionSpec, *, environment: Mapping[str, str], ports: Sequence[int], log: FunctionLog
    ) -> None:
        self.spec = spec
        self.log = log
        self.workers = [Worker(self, port) for port in ports]
        self._environment = dict(environment)
        self._idle: list[Worker] = []
        self._pending: deque[Invocation] = deque()
        self._in_flight = 0
        self._closed = False
        self.init_error: Outcome | None = None

    @property
    def pids(self) -> list[int]:
        """Of the processes that are alive now."""
        return [worker.process.pid for worker in self.workers if worker.alive and worker.process is not None]

    @property
    def ready(self) -> bool:
        """Whether a process has loaded the handler; `init_error` says why none could."""
        return any(worker.alive and not worker.initialising for worker in self.workers)

    async def invoke(self, payload: bytes, trace_id: str | None = None) -> Outcome:
        """Waits for a free process: the few there are stand for Lambda's hundreds.

        Raises Throttled and PayloadTooLarge; a function that fails is an Outcome with an error.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLarge
        if self.spec.reserved is not None and self._in_flight >= self.spec.reserved:
            raise Throttled
        loop = asyncio.get_running_loop()
        invocation = Invocation(payload, trace_id or new_trace_id(), loop.create_future())
        self._in_flight += 1
        invocation.outcome.add_done_callback(self._settled)
        self._dispatch(invocation)
        try:
            return await asyncio.shield(invocation.outcome)
        finally:
            if invocation in self._pending:  # the caller gave up before it began
                self._pending.remove(invocation)
                invocation.outcome.cancel()

    def prewarm(self, count: int = 1) -> None:
        for worker in self.workers[:count]:
            worker.start()

    async def replace_processes(self) -> None:
        """As a deployment does; ready again when it returns."""
        for worker in self.workers:
            await worker.stop()
        self._idle.clear()
        self.prewarm()
        while not self.ready and self.init_error is None:  # noqa: ASYNC110 - as short as an import
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self._closed = True
        await asyncio.gather(*(worker.stop() for worker in self.workers))
        for worker in self.workers:
            if worker.current is not None:
                worker.finish(worker.current.id, failure("Runtime.ExitError", "Error: the local stack is stopping"))
        while self._pending:
            self._pending.popleft().settle(failure("Runtime.ExitError", "Error: the local stack is stopping"))
        self.log.close()

    async def spawn(self, port: int) -> Process:
        spec = self.spec
        environment = base_environment() | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{port}",
            "AWS_LAMBDA_LOG_FORMAT": spec.log_format,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "LAMBDA_TASK_ROOT": str(spec.code),
            "LAMBDA_RUNTIME_DIR": str(spec.code),
            "PYTHONPATH": str(spec.code),
            "_HANDLER": spec.handler,
        }
        return await start_python(
            ("-m", "awslambdaric", spec.handler),
            environment=environment | self._environment | dict(spec.environment),
            folder=spec.code,
        )

    # What the workers report.

    def offer(self, worker: Worker) -> None:
        self.init_error = None
        if self._pending:
            worker.take(self._pending.popleft())
        else:
            self._idle.append(worker)

    def init_failed(self, outcome: Outcome) -> None:
        """The invocation that waited for this process gets the error, as at AWS."""
        self.init_error = outcome
        if self._pending:
            self._pending.popleft().settle(outcome)

    def lost(self, worker: Worker, *, restart: bool) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
        if not self._closed:
            asyncio.get_running_loop().call_soon(self._replace, worker, restart)

    def _replace(self, worker: Worker, restart: bool) -> None:
        # A process that can't even start is tried again for an invocation only, not in a loop.
        if not self._closed and (restart or self._pending):
            worker.start()

    def _dispatch(self, invocation: Invocation) -> None:
        while self._idle:
            if self._idle.pop().take(invocation):
                return
        self._pending.append(invocation)
        starting = sum(worker.initialising for worker in self.workers)
        cold = next((worker for worker in self.workers if not worker.alive), None)
        if cold is not None and starting < len(self._pending):
            cold.start()

    def _settled(self, _: asyncio.Future[Outcome]) -> None:
        self._in_flight -= 1
