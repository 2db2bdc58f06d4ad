"""A function's log file. It holds only JSON lines. Each is written by one call, so that lines never mix."""

import fcntl
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.stack.settings import StackError

Listener = Callable[[dict[str, Any]], None]


class LogsInUse(StackError):
    """Another running stack writes its logs there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"another stack writes its logs to {folder}; stop it, or choose another folder with LOGS=…")


def hold(folder: Path, held: ExitStack) -> None:
    """Keeps other stacks out of this folder until `held` is closed or the process ends.

    Raises:
        LogsInUse: another stack holds the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = held.enter_context((folder / "lock").open("w"))  # the kernel releases it, so nothing is left to clean up
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LogsInUse(folder) from None


class FunctionLog:
    """An empty log file. `listener` gets each JSON object that the function logs."""

    def __init__(self, path: Path, listener: Listener) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._listener = listener
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)

    def write(self, line: bytes) -> None:
        """Writes one line. A line that isn't a JSON object is wrapped into one with the level RAW."""
        stripped = line.strip()
        if not stripped:
            return
        record = _json_object(stripped)
        if record is None:
            shown = stripped.decode(errors="replace").replace("\r", "\n")
            wrapped = {"level": "RAW", "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds")}
            stripped = json.dumps(wrapped | {"message": shown}).encode()
        else:
            self._listener(record)
        os.write(self._file, stripped + b"\n")

    def close(self) -> None:
        os.close(self._file)


def _json_object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
