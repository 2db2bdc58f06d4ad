"""Limits the calls within a time window, as the API does for changes of scenarios."""

import math
from collections import deque
from typing import Final

from sandbox.omni_api.clock import Clock
from sandbox.omni_api.errors import ApiError

WINDOW_SECONDS: Final = 600
CREATIONS: Final = 20
UPDATES: Final = 40


class Throttle:
    def __init__(self, clock: Clock, limit: int, window: float = WINDOW_SECONDS) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._calls: deque[float] = deque()

    def take(self) -> None:
        """Counts one call.

        Raises:
            ApiError: 429 with Retry-After in real seconds, if the window is full.
        """
        now = self._clock.seconds()
        while self._calls and self._calls[0] <= now - self._window:
            self._calls.popleft()
        if len(self._calls) >= self._limit:
            wait = math.ceil(self._clock.real(self._calls[0] + self._window - now))
            raise ApiError(429, "Too many requests", {"Retry-After": str(max(wait, 1))})
        self._calls.append(now)
