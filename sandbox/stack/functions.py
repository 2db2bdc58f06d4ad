"""A stand-in for Lambda: hands invocations to a function's processes, and starts and replaces the processes."""

import asyncio
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Mapping, Sequence

from sandbox.stack.function_log import FunctionLog
from sandbox.stack.invocations import (
    MAX_PAYLOAD_BYTES,
    ConcurrencyExceeded,
    FunctionOutcome,
    Invocation,
    InvocationTooLarge,
    failure,
    new_trace_id,
)
from sandbox.stack.processes import base_environment, start_python
from sandbox.stack.specs import REGION, FunctionSpec
from sandbox.stack.workers import Worker


class LambdaFunction:
    """`ports` are the ports of the Runtime API. Each process needs its own, so they limit the processes."""

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
        self.init_error: FunctionOutcome | None = None

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that are alive now."""
        return [worker.process.pid for worker in self.workers if worker.alive and worker.process is not None]

    @property
    def ready(self) -> bool:
        """Whether a process has loaded the handler. `init_error` says why none could."""
        return any(worker.alive and not worker.initialising for worker in self.workers)

    async def invoke(self, payload: bytes, trace_id: str | None = None) -> FunctionOutcome:
        """Waits for a free process, because there are only a few where Lambda has hundreds.

        A function that fails gives a FunctionOutcome with an error. Raises ConcurrencyExceeded and InvocationTooLarge.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise InvocationTooLarge
        if self.spec.reserved is not None and self._in_flight >= self.spec.reserved:
            raise ConcurrencyExceeded
        loop = asyncio.get_running_loop()
        invocation = Invocation(payload, trace_id or new_trace_id(sampled=self.spec.traced), loop.create_future())
        self._in_flight += 1
        invocation.outcome.add_done_callback(self._settled)
        self._dispatch(invocation)
        try:
            return await asyncio.shield(invocation.outcome)
        finally:
            if invocation in self._pending:  # the caller gave up before a process took it
                self._pending.remove(invocation)
                invocation.outcome.cancel()

    def prewarm(self, count: int = 1) -> None:
        for worker in self.workers[:count]:
            worker.start()

    async def replace_processes(self) -> None:
        """Starts new processes, as a deployment does. Returns once the function is ready."""
        for worker in self.workers:
            await worker.stop()
        self._idle.clear()
        self.prewarm()
        while not self.ready and self.init_error is None:  # noqa: ASYNC110 - lasts as long as an import
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

    # The workers call these.

    def offer(self, worker: Worker) -> None:
        self.init_error = None
        if self._pending:
            worker.take(self._pending.popleft())
        else:
            self._idle.append(worker)

    def init_failed(self, outcome: FunctionOutcome) -> None:
        """Gives the error to the invocation that waited for this process, as AWS does."""
        self.init_error = outcome
        if self._pending:
            self._pending.popleft().settle(outcome)

    def lost(self, worker: Worker, *, restart: bool) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
        if not self._closed:
            asyncio.get_running_loop().call_soon(self._replace, worker, restart)

    def _replace(self, worker: Worker, restart: bool) -> None:
        # A process that can't even start is started again only for an invocation, so there is no loop.
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

    def _settled(self, _: asyncio.Future[FunctionOutcome]) -> None:
        self._in_flight -= 1
