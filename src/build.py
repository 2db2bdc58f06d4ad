"""Builds what Lambda runs: our packages, the locked libraries for its processor, and bytecode for its Python.

`sam build` calls this through the Makefile beside it, once per function. They share their libraries, so these are
installed once, kept beside SAM's own records until the lock changes, and linked into each function's folder.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
LOCK_FILE = SOURCE / "requirements.txt"
PACKAGES = ("handlers", "relay", "omni", "aws")

# Wheels that run on Amazon Linux 2023 (glibc 2.34), by Lambda's name of the processor.
PLATFORMS = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
}
# botocore brings 400 services and lists them at each cold start; these are ours, and what it signs in by.
# Measured without the others: a zip of 18 MB instead of 34, and 14 ms less until the clients are there.
AWS_SERVICES = frozenset({"dynamodb", "sqs", "ssm", "sso", "sso-oidc", "sts"})
SUPERFLUOUS = ("bin", "**/*.pyi", "**/py.typed", "*.dist-info/RECORD", "*.dist-info/licenses")


class CannotBuildError(Exception):
    """Something outside the project is missing; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    architecture: str
    python: str  # "3.13"


def recorded_target(record: Path) -> Target:
    """What SAM builds for. It tells a makefile nothing, but writes its own plan next to the build folder first."""
    if not record.is_file():
        raise CannotBuildError(f"{record} is missing: run `sam build`, which writes it, not this file")
    builds = tomllib.loads(record.read_text())["function_build_definitions"].values()
    targets = {Target(build["architecture"], build["runtime"].removeprefix("python")) for build in builds}
    if len(targets) != 1:
        raise CannotBuildError(f"the functions share one build, so they need one architecture and runtime: {targets}")
    return targets.pop()


def candidates(version: str) -> Iterator[Path]:
    """Where a Python of that version usually lies: named by hand, on PATH, under pyenv, under uv."""
    if chosen := os.environ.get("BUILD_PYTHON"):
        yield Path(chosen)
        return
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    if root := _answer("pyenv", "root"):
        yield from sorted(Path(root).glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
    if found := _answer("uv", "python", "find", version):
        yield Path(found)


def _answer(program: str, *arguments: str) -> str:
    """What the program prints; nothing where it isn't installed or fails."""
    if shutil.which(program) is None:
        return ""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def python_of(version: str) -> Path:
    """A Python whose bytecode Lambda's own can read, so the same minor version."""
    probe = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    for python in candidates(version):
        if shutil.which(python):
            answer = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
            if answer.stdout.strip() == version:
                return python
    raise CannotBuildError(
        f"Python {version} with pip is needed, to compile bytecode for Lambda. Install it (`pyenv install {version}`,"
        f" `uv python install {version}`, your system's package), or name one: BUILD_PYTHON=/path/to/python{version}"
    )


def fingerprint(target: Target) -> str:
    """Changes with all that the installed libraries depend on."""
    parts = (repr(target).encode(), Path(__file__).read_bytes(), LOCK_FILE.read_bytes())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def install(tree: Path, target: Target, python: Path) -> None:
    """The locked libraries, as wheels for the target's processor; nothing is compiled here or run."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={target.python}"]
    command += [f"--platform={platform}" for platform in PLATFORMS[target.architecture]]
    subprocess.run([*command, f"--target={tree}", f"--requirement={LOCK_FILE}"], check=True)


def strip(tree: Path) -> None:
    services = (path for path in (tree / "botocore" / "data").iterdir() if path.is_dir())
    unused = [path for path in services if path.name not in AWS_SERVICES]
    for path in [*unused, *(path for pattern in SUPERFLUOUS for path in tree.glob(pattern))]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def compile_bytecode(tree: Path, python: Path, folders: Iterable[Path]) -> None:
    """Lambda's file system is read-only, so bytecode that isn't shipped is made anew at each cold start.

    Unchecked: the files' times change on their way into a zip, and nobody edits a source there.
    """
    command = [str(python), "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    # Tracebacks name the files where Lambda has them.
    subprocess.run([*command, "-s", str(tree), "-p", "/var/task", *map(str, folders)], check=True)


def link(source: str, copy: str) -> None:
    """A hard link, or a copy where the file systems differ."""
    try:
        os.link(source, copy)
    except OSError:
        shutil.copyfile(source, copy)


def libraries(store: Path, target: Target, python: Path) -> Path:
    """The tree of libraries, installed unless the last build left the same. SAM may build several functions at once."""
    store.mkdir(exist_ok=True)
    tree = store / fingerprint(target)
    with (store / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.is_dir():
            for old in (path for path in store.iterdir() if path.is_dir()):
                shutil.rmtree(old)
            unfinished = Path(tempfile.mkdtemp(dir=store))
            install(unfinished, target, python)
            strip(unfinished)
            compile_bytecode(unfinished, python, (unfinished,))
            unfinished.chmod(0o755)  # Lambda's user must read what mkdtemp made private
            unfinished.rename(tree)
    return tree


def build(artifacts: Path) -> None:
    record = artifacts.parent.parent / "build.toml"
    target = recorded_target(record)
    python = python_of(target.python)
    tree = libraries(record.parent / "libraries", target, python)
    shutil.copytree(tree, artifacts, copy_function=link, dirs_exist_ok=True)
    for package in PACKAGES:
        shutil.copytree(SOURCE / package, artifacts / package, ignore=shutil.ignore_patterns("__pycache__"))
    compile_bytecode(artifacts, python, [artifacts / package for package in PACKAGES])


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]))
    except (CannotBuildError, subprocess.CalledProcessError) as problem:
        sys.exit(f"build.py: {problem}")
