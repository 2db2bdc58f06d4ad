"""Time in the sandbox. Time stamps are real; durations (latency, validity, retries, throttles) can run fast."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

MAX_TIME_SCALE: Final = 1e9


def utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """`2031-05-24T10:45:38.000+0000`. The official clients need the milliseconds."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}+0000"


def parsed(text: str) -> datetime:
    """The moment in UTC. Nobody documents what a time without an offset means, and the sandbox takes it as UTC.

    Raises:
        ValueError: the text isn't a time; the error says what was expected.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a time such as 2031-05-24T10:45:38.000+0000") from error


class Clock:
    """Counts sandbox seconds. `scale` of them pass in one real second."""

    def __init__(self, *, scale: float, monotonic: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._scale = scale
        self._monotonic = monotonic
        self.now = now
        self._real_base = monotonic()
        self._base = 0.0

    @property
    def scale(self) -> float:
        return self._scale

    def seconds(self) -> float:
        """Sandbox seconds since the start."""
        return self._base + (self._monotonic() - self._real_base) * self._scale

    def rescale(self, scale: float) -> None:
        """From now on, `scale` sandbox seconds pass in a real one. The seconds counted so far stay."""
        self._base, self._real_base = self.seconds(), self._monotonic()
        self._scale = scale

    def real(self, seconds: float) -> float:
        """The number of real seconds that these sandbox seconds last."""
        return seconds / self._scale
