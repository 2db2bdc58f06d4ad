"""Builds what Lambda runs: our packages, the locked libraries for its processor, and bytecode for its Python.

`sam build` calls this through the Makefile beside it, once per function. All functions share one tree, so it is
made once, kept beside SAM's own records until a file of it changes, and linked into each function's folder.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
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
# botocore brings 400 services and reads the list of them at each cold start; these are ours, and what it signs in by.
AWS_SERVICES = frozenset({"dynamodb", "s3", "sqs", "ssm", "sso", "sso-oidc", "sts"})
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
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
    if uv := shutil.which("uv"):
        answer = subprocess.run([uv, "python", "find", version], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())


def python_of(version: str) -> Path:
    """A Python whose bytecode Lambda's own can read, so the same minor version."""
    probe = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    for python in candidates(version):
        answer = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return python
    raise CannotBuildError(
        f"Python {version} with pip is needed, to compile bytecode for Lambda. Install it (`pyenv install {version}`,"
        f" `uv python install {version}`, your system's package), or name one: BUILD_PYTHON=/path/to/python{version}"
    )


def own_files() -> list[Path]:
    found = (path for package in PACKAGES for path in (SOURCE / package).rglob("*"))
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def fingerprint(target: Target) -> str:
    """Changes with every byte that the built tree depends on."""
    digest = hashlib.sha256(repr(target).encode())
    for path in (Path(__file__), LOCK_FILE, *own_files()):
        digest.update(f"{path.relative_to(SOURCE)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


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


def compile_bytecode(tree: Path, python: Path) -> None:
    """Lambda's file system is read-only, so bytecode that isn't shipped is made anew at each cold start.

    Unchecked: the files' times change on their way into a zip, and nobody edits a source there.
    """
    command = [str(python), "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    # Tracebacks name the files where Lambda has them.
    subprocess.run([*command, "-s", str(tree), "-p", "/var/task", str(tree)], check=True)


def make(tree: Path, target: Target) -> None:
    python = python_of(target.python)
    install(tree, target, python)
    strip(tree)
    for path in own_files():
        copy = tree / path.relative_to(SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    compile_bytecode(tree, python)


def link(source: str, copy: str) -> None:
    """A hard link, or a copy where the file systems differ."""
    try:
        os.link(source, copy)
    except OSError:
        shutil.copyfile(source, copy)


def build(artifacts: Path) -> None:
    record = artifacts.parent.parent / "build.toml"
    target = recorded_target(record)
    store = record.parent / "tree"
    store.mkdir(exist_ok=True)
    tree = store / fingerprint(target)
    with (store / "lock").open("w") as lock:  # SAM may build the functions at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.is_dir():
            for old in (path for path in store.iterdir() if path.is_dir()):
                shutil.rmtree(old)
            unfinished = Path(tempfile.mkdtemp(dir=store))
            make(unfinished, target)
            unfinished.chmod(0o755)
            unfinished.rename(tree)
    shutil.copytree(tree, artifacts, copy_function=link, dirs_exist_ok=True)


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]))
    except (CannotBuildError, subprocess.CalledProcessError) as problem:
        sys.exit(f"build.py: {problem}")
