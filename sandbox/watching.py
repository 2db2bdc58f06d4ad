"""Watches the two files of `make run`: an edit is checked and goes live; with a mistake, the last good one serves."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from configuration.checking import secretless
from configuration.mistakes import Mistakes
from sandbox.omni_api.settings import SettingsError
from sandbox.stack.settings import PROJECT
from sandbox.stack.stack import Stack
from sandbox.variables import Unusable, named_files, settings_from_environment

_LOOK_AGAIN = 0.25  # seconds
Stamp = tuple[tuple[int, int] | None, ...]


@contextmanager
def watching(stack: Stack, say: Callable[[str], None]) -> Iterator[None]:
    """Watches as long as the block runs, and says what became of each edit."""
    config, secrets = named_files()
    files = (config, secrets or PROJECT / "secrets.local.yaml")
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(stack, files, say, ended), name="watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(stack: Stack, files: tuple[Path, ...], say: Callable[[str], None], ended: threading.Event) -> None:
    served = seen = None  # the files may have changed while the stack started
    while not ended.wait(_LOOK_AGAIN):
        now = _stamp(files)
        # An editor writes in several steps. So a change counts once the files have stayed the same for a moment.
        if now == seen and now != served:
            served = now
            for text in _taken(stack, files):
                say(text)
        seen = now


def _stamp(files: tuple[Path, ...]) -> Stamp:
    return tuple(_stamp_of(file) for file in files)


def _stamp_of(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _taken(stack: Stack, files: tuple[Path, ...]) -> Iterator[str]:
    """Takes the edited files over, and says so; or says what is wrong with them. Says nothing if they say the same."""
    try:
        settings = settings_from_environment()
        if (settings.config, settings.secrets) == (stack.settings.config, stack.settings.secrets):
            return
        stack.configure(settings.config, settings.secrets)
    except Mistakes as mistakes:
        yield "\n  ".join(("The edit has mistakes, and the last good configuration serves on:", *mistakes.lines))
    except (Unusable, SettingsError) as problem:
        yield f"The edit can't be used, and the last good configuration serves on:\n  {problem}"
    else:
        missing = map(str, secretless(settings.config, settings.secrets.get("sources") or {}))
        yield "\n  ".join((f"{' and '.join(file.name for file in files)}: the edit is live", *missing))
