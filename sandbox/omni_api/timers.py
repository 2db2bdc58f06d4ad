"""Runs everything that happens later, such as a step's end. One heap and one task serve all messages."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from sandbox.omni_api.clock import Clock


class Timers:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._changed = asyncio.Event()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Runs `call` once, that many sandbox seconds from now."""
        due = self._clock.seconds() + max(seconds, 0.0)
        heapq.heappush(self._heap, (due, next(self._order), call))
        if self._heap[0][0] >= due:
            self._changed.set()

    def rescaled(self) -> None:
        """The clock's pace has changed, so the waiting time must be computed again."""
        self._changed.set()

    def clear(self) -> None:
        self._heap.clear()

    def run_due(self) -> float | None:
        """Runs the calls that are due. Returns the sandbox seconds until the next one, or None if nothing waits."""
        while self._heap and self._heap[0][0] <= self._clock.seconds():
            _, _, call = heapq.heappop(self._heap)
            call()
        return self._heap[0][0] - self._clock.seconds() if self._heap else None

    async def run(self) -> None:
        """Runs calls as they fall due, until it is cancelled."""
        while True:
            self._changed.clear()
            wait = self.run_due()
            try:
                await asyncio.wait_for(self._changed.wait(), None if wait is None else max(self._clock.real(wait), 0.0))
            except TimeoutError:
                continue
