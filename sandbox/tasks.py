"""Background tasks that are ended on purpose."""

import asyncio
from contextlib import suppress
from typing import Any


async def cancelled(task: asyncio.Task[Any] | None) -> None:
    """Cancels the task, and returns once it has ended. None is a task that was never started."""
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
