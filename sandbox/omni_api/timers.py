"""Everything that happens later (a step's end, a pushed report) on one heap and one task, not a thread per message."""

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
        """Run `call` once, that many sandbox seconds from now."""
        due = self._clock.seconds() + max(seconds, 0.0)
        heapq.heappush(self._heap, (due, next(self._order), call))
        if self._heap[0][0] >= due:
            self._changed.set()

    def rescaled(self) -> None:
        """The clock's pace has changed: look again how long to wait."""
        self._changed.set()

    def clear(self) -> None:
        self._heap.clear()

    def run_due(self) -> float | None:
        """Run what is due; give the sandbox seconds until the next one, None when nothing waits."""
        while self._heap and self._heap[0][0] <= self._clock.seconds():
            _, _, call = heapq.heappop(self._heap)
            call()
        return self._heap[0][0] - self._clock.seconds() if self._heap else None

    async def run(self) -> None:
        """Run what falls due, until cancelled."""
        while True:
            self._changed.clear()
            wait = self.run_due()
            try:
                await asyncio.wait_for(self._changed.wait(), None if wait is None else max(self._clock.real(wait), 0.0))
            except TimeoutError:
                continue
