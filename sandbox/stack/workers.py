"""One execution environment of a function: a process that works on one invocation at a time."""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from typing import Protocol

from sandbox.stack.function_log import FunctionLog
from sandbox.stack.invocations import FunctionOutcome, Invocation, failure
from sandbox.stack.processes import kill
from sandbox.stack.specs import FunctionSpec
from sandbox.tasks import cancelled

INIT_TIMEOUT = 30  # Lambda allows 10 s. A laptop that compiles the modules for the first time needs longer


class ProcessLost(Exception):
    """The process that waited for an invocation has died."""


class Pool(Protocol):
    """The part of a function that a worker uses."""

    spec: FunctionSpec
    log: FunctionLog

    async def spawn(self, port: int) -> Process: ...

    def offer(self, worker: "Worker") -> None:
        """The worker waits for an invocation."""

    def init_failed(self, outcome: FunctionOutcome) -> None:
        """A process died before it had loaded the handler."""

    def lost(self, worker: "Worker", *, restart: bool) -> None:
        """The worker's process is gone."""


class Worker:
    """Keeps one process at a time, and gives it one invocation at a time."""

    def __init__(self, pool: Pool, port: int) -> None:
        self.port = port
        self.current: Invocation | None = None
        self.process: Process | None = None
        self._pool = pool
        self._next: asyncio.Future[Invocation] | None = None
        self._init_error: FunctionOutcome | None = None
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
        await cancelled(self._life)
        if self.process is not None:
            await self.process.wait()
        self._stop_waiting()

    async def _live(self) -> None:
        self.process = await self._pool.spawn(self.port)
        init_limit = asyncio.get_running_loop().call_later(INIT_TIMEOUT, self._init_timed_out)
        try:
            await self._copy_log(self.process)
            code = await self.process.wait()
        finally:
            init_limit.cancel()
            kill(self.process)
        self._died(code)

    async def _copy_log(self, process: Process) -> None:
        """Copies until the process ends. The pipe ends then too, unless a child of the process holds it open."""
        if process.stdout is None:
            return
        ended = asyncio.create_task(process.wait())
        ended.add_done_callback(lambda _: kill(process))
        while line := await process.stdout.readline():
            self._pool.log.write(line)
        await ended

    def _died(self, code: int) -> None:
        was_ready, self._ready = self._ready, False
        self._stop_waiting()
        reason = f"signal: {signal.strsignal(-code)}".lower() if code < 0 else f"exit status {code}"
        lost = self._init_error or failure("Runtime.ExitError", f"Error: Runtime exited with error: {reason}")
        if self.current is not None:
            self.finish(self.current.id, lost)
        elif not was_ready:
            self._pool.init_failed(lost)
        self._pool.lost(self, restart=was_ready)

    def _stop_waiting(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_exception(ProcessLost())
        self._next = None

    def _init_timed_out(self) -> None:
        if self.process is not None and not self._ready:
            self._init_error = failure("Sandbox.Timedout", f"Error: Init timed out after {INIT_TIMEOUT} seconds")
            kill(self.process)

    # The Runtime API calls these for the process.

    async def next(self) -> Invocation:
        """Waits for an invocation. Raises ProcessLost if the process dies meanwhile."""
        self._ready = True
        work: asyncio.Future[Invocation] = asyncio.get_running_loop().create_future()
        self._next = work
        self._pool.offer(self)
        return await work

    def finish(self, invocation_id: str, outcome: FunctionOutcome) -> bool:
        """Returns False if the process doesn't work on that invocation, or no longer does."""
        if self.current is None or self.current.id != invocation_id:
            return False
        if self._alarm is not None:
            self._alarm.cancel()
        self.current.settle(outcome)
        self.current = None
        return True

    def init_failed(self, outcome: FunctionOutcome) -> None:
        self._init_error = outcome

    # The function calls these.

    def take(self, invocation: Invocation) -> bool:
        """Returns False if the process died meanwhile."""
        if self._next is None or self._next.done():
            return False
        timeout = self._pool.spec.timeout
        invocation.deadline = time.time() + timeout
        self.current = invocation
        self._alarm = asyncio.get_running_loop().call_later(timeout, self._timed_out, invocation)
        self._next.set_result(invocation)
        self._next = None
        return True

    def _timed_out(self, invocation: Invocation) -> None:
        seconds = self._pool.spec.timeout
        message = f"RequestId: {invocation.id} Error: Task timed out after {seconds:.2f} seconds"
        self.finish(invocation.id, failure("Sandbox.Timedout", message))
        if self.process is not None:
            kill(self.process)
