"""Packs the programs that the bench compares, each in a folder of its own, as Lambda would have it."""

import hashlib
import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from build import python_of, recorded_target
from sandbox.stack.settings import PROJECT

SAM_BUILD = PROJECT / ".local" / "sam" / "build"
FOLDER = PROJECT / ".local" / "bench"
STORE = PROJECT / ".local" / "bench-libraries"
VENV = PROJECT / ".venv-bench"
MEGABYTE = 1_000_000
_PROGRAMS = Path(__file__).parent / "programs"
# The parts of ours that floor D imports. They are the same files, so it has the same versions.
_OF_FLOOR_D = (
    *("boto3", "botocore", "s3transfer", "dateutil", "six.py", "jmespath", "urllib3", "requests", "certifi", "idna"),
    *("charset_normalizer", "aws_lambda_powertools", "typing_extensions.py", "pydantic", "pydantic_core"),
    *("annotated_types", "typing_inspection"),
)


@dataclass(frozen=True, slots=True)
class Program:
    """`handlers` names a handler for each kind of event that the program takes: direct, queued, delivery."""

    name: str
    folder: Path
    handlers: Mapping[str, str]

    def size(self) -> tuple[float, float]:
        """Returns the megabytes of the folder, and those of its zip."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(self.folder))
        return sum(path.stat().st_size for path in files) / MEGABYTE, packed.tell() / MEGABYTE


def programs() -> dict[str, Program]:
    """Packs all programs anew. `sam build` must have run. Raises `build.CannotBuildError`."""
    _clear()
    ours = Program("ours", FOLDER / "ours", dict.fromkeys(("direct", "queued"), "handlers.webhook.handler"))
    shutil.copytree(SAM_BUILD / "WebhookFunction", ours.folder, copy_function=os.link)
    ours = Program(ours.name, ours.folder, {**ours.handlers, "delivery": "handlers.delivery.handler"})
    found = (ours, _floor_b(), _floor_d(ours.folder), _peer_c(with_bytecode=True), _peer_c(with_bytecode=False))
    return {program.name: program for program in found}


def runtime_python() -> Path:
    """Returns a Python of the functions' version that has Lambda's runtime client. Raises `build.CannotBuildError`."""
    lock, done = PROJECT / "requirements" / "bench.txt", VENV / "done"
    if not done.exists() or done.read_text("utf-8") != _python() + lock.read_text("utf-8"):
        subprocess.run([_python(), "-m", "venv", "--clear", str(VENV)], check=True)
        _pip(VENV / "bin" / "python", "--require-hashes", "-r", str(lock))
        done.write_text(_python() + lock.read_text("utf-8"), "utf-8")
    return VENV / "bin" / "python"


@contextmanager
def read_only(folders: Iterable[Path]) -> Iterator[None]:
    """Takes the right to write into these folders away, as Lambda does, and gives it back."""
    parts = [part for folder in folders for part in (folder, *folder.rglob("*")) if part.is_dir()]
    for part in parts:
        part.chmod(0o555)
    try:
        yield
    finally:
        for part in parts:
            part.chmod(0o755)


def _clear() -> None:
    """Removes the last run's folders, also if it was ended while they were read-only."""
    for part in FOLDER.rglob("*"):
        if part.is_dir():
            part.chmod(0o755)
    shutil.rmtree(FOLDER, ignore_errors=True)


def _floor_b() -> Program:
    folder = FOLDER / "floor-b"
    _add(folder, "floor_b.py")
    return Program("floor-b", folder, {"direct": "floor_b.webhook"})


def _floor_d(ours: Path) -> Program:
    folder = FOLDER / "floor-d"
    _add(folder, "floor_d.py")
    for name in _OF_FLOOR_D:
        source = ours / name
        if not source.exists():
            continue  # the build no longer has it
        if source.is_dir():
            shutil.copytree(source, folder / name, copy_function=os.link)
        else:
            os.link(source, folder / name)
            [bytecode] = (ours / "__pycache__").glob(f"{source.stem}.*.pyc")
            os.link(bytecode, folder / "__pycache__" / bytecode.name)
    handlers = dict.fromkeys(("direct", "queued"), "floor_d.webhook")
    return Program("floor-d", folder, {**handlers, "delivery": "floor_d.delivery"})


def _peer_c(*, with_bytecode: bool) -> Program:
    name = "peer-c" if with_bytecode else "peer-c-plain"
    folder = FOLDER / name
    shutil.copytree(_peer_libraries(), folder, copy_function=os.link)
    _add(folder, "peer_c.py", with_bytecode=with_bytecode)
    handlers = dict.fromkeys(("direct", "queued"), "peer_c.webhook")
    return Program(name, folder, {**handlers, "delivery": "peer_c.delivery"})


def _peer_libraries() -> Path:
    """Returns the folder of peer C's libraries, which the last run may have left."""
    lock = PROJECT / "requirements" / "peer.txt"
    folder = STORE / hashlib.sha256(_python().encode() + lock.read_bytes()).hexdigest()[:16]
    if not folder.is_dir():
        shutil.rmtree(STORE, ignore_errors=True)
        unfinished = STORE / "unfinished"
        arguments = ("--no-compile", "--require-hashes", "--only-binary=:all:", f"--target={unfinished}")
        _pip(Path(_python()), *arguments, "-r", str(lock))
        unfinished.rename(folder)
    return folder


def _add(folder: Path, name: str, *, with_bytecode: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_PROGRAMS / name, folder)
    if with_bytecode:
        command = [_python(), "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
        subprocess.run([*command, str(folder)], check=True)


def _pip(python: Path, *arguments: str) -> None:
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments], check=True)


def _python() -> str:
    return str(python_of(recorded_target(PROJECT / ".local" / "sam" / "build.toml").python))
