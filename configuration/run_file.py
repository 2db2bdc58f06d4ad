"""The file by which verbs find the local stack that runs now: `.local/run.json`."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

RUN_FILE = Path(".local/run.json")


class Unreadable(ValueError):
    """The file is there, but holds no JSON object of ours. The text names it."""


def running(start: Path | None = None) -> Mapping[str, Any] | None:
    """Gives the content of the file in `start` (this folder by default) or above, if its process is alive.

    The variable RUN_FILE names another file. The keys are those that sandbox/running.py writes.
    """
    for file in _candidates(start or Path.cwd()):
        try:
            run: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            alive = _is_alive(run["pid"])
        except OSError:
            continue
        except (ValueError, LookupError, TypeError):
            raise Unreadable(f"{file} wasn't written by `make run`; remove it, and start the stack again") from None
        if alive:
            return run
    return None


def write(file: Path, run: Mapping[str, Any]) -> None:
    """Replaces the file in one step, because a verb may read it at the same time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(dict(run), indent=2) + "\n", encoding="utf-8")
    fresh.replace(file)


def remove(file: Path) -> None:
    """Removes the file if it is still this process's own: another stack may have started since."""
    with suppress(OSError, ValueError, LookupError):
        if json.loads(file.read_text(encoding="utf-8"))["pid"] == os.getpid():
            file.unlink()


def _candidates(start: Path) -> list[Path]:
    named = os.environ.get("RUN_FILE")
    return [Path(named)] if named else [folder / RUN_FILE for folder in (start, *start.parents)]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True
