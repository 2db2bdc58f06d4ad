"""Runs the deployed functions by their deployed names. Moto's own Lambda would need Docker."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.sockets import listen, port_of
from sandbox.stack.assembly import NOWHERE
from sandbox.stack.cloud import CREDENTIALS
from sandbox.stack.function_log import FunctionLog
from sandbox.stack.functions import LambdaFunction
from sandbox.stack.runtime_api import runtime_api
from sandbox.stack.servers import Server
from sandbox.stack.specs import FunctionSpec
from sandbox.stack.workers import Worker


class FunctionFailed(Exception):
    """A function can't start, or raised an error. The text is what Lambda would say."""


@dataclass(frozen=True, slots=True)
class DeployedFunctions:
    """`functions` are by their deployed names."""

    functions: Mapping[str, LambdaFunction]

    async def invoke(self, name: str, event: Any) -> Any:
        """Returns what the function returns. Raises FunctionFailed."""
        outcome = await self.functions[name].invoke(json.dumps(event).encode())
        if outcome.error:
            raise FunctionFailed(f"{name}: {outcome.json().get('errorMessage')}")
        return outcome.json()


@asynccontextmanager
async def running(specs: Iterable[FunctionSpec], aws_url: str, logs: Path) -> AsyncIterator[DeployedFunctions]:
    """Starts one process per function, with the environment that Lambda holds of it."""
    environment = CREDENTIALS | {"AWS_ENDPOINT_URL": aws_url, "AWS_EC2_METADATA_DISABLED": "true"}
    environment["HTTPS_PROXY"] = NOWHERE
    async with AsyncExitStack() as held:
        functions: dict[str, LambdaFunction] = {}
        workers: dict[int, tuple[FunctionSpec, Worker]] = {}
        listeners = []
        for spec in specs:
            listener = listen("127.0.0.1")
            log = FunctionLog(logs / f"{spec.logical_id}.jsonl", lambda _: None)
            function = LambdaFunction(spec, environment=environment, ports=[port_of(listener)], log=log)
            functions[spec.name] = function
            listeners.append(listener)
            workers |= {worker.port: (spec, worker) for worker in function.workers}
        server = Server(runtime_api(workers), listeners)
        await server.start()
        held.push_async_callback(server.stop)
        for function in functions.values():
            held.push_async_callback(function.stop)
            function.prewarm()
        await asyncio.gather(*map(_until_ready, functions.values()))
        yield DeployedFunctions(functions)


async def _until_ready(function: LambdaFunction) -> None:
    while not function.ready:
        if function.init_error is not None:
            raise FunctionFailed(f"{function.spec.name} can't start: {function.init_error.json().get('errorMessage')}")
        await asyncio.sleep(0.02)
