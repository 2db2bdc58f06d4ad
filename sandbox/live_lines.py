"""Says in one line each what becomes of events and messages, as the functions log it, for `make run`."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from cli.telling import in_words

_SAID = frozenset({"event_received", "message_report", "escalated"})
_LINES_A_SECOND = 20


class LiveLines:
    """A listener of the stack. Until `start`, it only counts the messages' ends: the samples have a table of their own.

    More than 20 lines a second are only counted, because nobody reads them. The logs have them all.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._lock = Lock()
        self._started = False
        self._ends: Counter[str] = Counter()
        self._second, self._said, self._unsaid = 0, 0, 0

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Takes a line that a function has logged."""
        if record.get("message") not in _SAID:
            return
        with self._lock:
            if self._started:
                self._say_soberly(f"{datetime.now().astimezone():%H:%M:%S} {_printable(in_words(record))}")
            elif record.get("final"):
                channel = f" by {record['channel']}" if record.get("channel") else ""
                self._ends[f"{record.get('state')}{channel}"] += 1

    def start(self) -> str:
        """Says each line from now on. Returns how many messages have reached which end, or an empty text."""
        with self._lock:
            self._started = True
            return ", ".join(f"{count} {end}" for end, count in self._ends.most_common())

    def _say_soberly(self, line: str) -> None:
        second = int(self._clock())
        if second != self._second:
            if self._unsaid:
                self._say(f"… and {self._unsaid} more, which the logs have")
            self._second, self._said, self._unsaid = second, 0, 0
        self._said += 1
        if self._said > _LINES_A_SECOND:
            self._unsaid += 1
        else:
            self._say(line)


def _printable(text: str) -> str:
    """The text without what a terminal would obey: addresses come from events, which strangers may send."""
    return "".join(character if character.isprintable() else "�" for character in text)
