"""A rest after a failure, so that not each message waits for a time-out of its own."""

import time
from collections.abc import Callable

from botocore.exceptions import ClientError

REST_SECONDS = 5
_OF_ONE_REQUEST = "ValidationException"  # this request is wrong, and another may be right


class Rest:
    """Says whether a service has just failed. The wall clock is used, because the monotonic one may stop in Lambda."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._until = 0.0

    @property
    def lasts(self) -> bool:
        """Whether the service must not be called. An end further away means that the clock was moved back."""
        return 0 < self._until - self._clock() <= REST_SECONDS

    def begin(self, failure: Exception | None = None) -> None:
        """Begins to rest, unless the failure says that only this one request was wrong."""
        if not (isinstance(failure, ClientError) and failure.response["Error"]["Code"] == _OF_ONE_REQUEST):
            self._until = self._clock() + REST_SECONDS
