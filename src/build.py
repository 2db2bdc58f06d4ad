"""Builds what Lambda runs: our packages, the locked libraries for its processor, and bytecode for its Python.

`sam build` calls this once per function, through the Makefile beside it. All functions have the same libraries, so
these are installed once, kept beside SAM's records until the lock changes, and linked into each function's folder.
"""

import fcntl
import hashlib
import os
import platform
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

# For each of Lambda's processors, the wheels that run on Amazon Linux 2023 (glibc 2.34).
PLATFORMS = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
}
# botocore has data for 400 services and lists them at each cold start. We keep those that we call or sign in with.
# Without the others, the zip has 18 MB instead of 34, and the clients are ready 14 ms earlier (measured).
AWS_SERVICES = frozenset({"dynamodb", "sqs", "ssm", "sso", "sso-oidc", "sts"})
# Lambda's Python lies here in its build images, and nowhere else.
LAMBDA_PYTHON = Path("/var/lang/bin")
MACHINES = {"aarch64": "arm64", "x86_64": "x86_64"}
SUPERFLUOUS = ("bin", "**/*.pyi", "**/py.typed", "*.dist-info/RECORD", "*.dist-info/licenses")


class CannotBuildError(Exception):
    """Something outside the project is missing. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    architecture: str
    python: str  # "3.13"


def target_of(record: Path) -> Target:
    """Returns what SAM builds for: what its record says, or what the build image is for if no record is mounted.

    SAM tells the Makefile neither. It writes its plan into the record before it builds, but `sam build --use-container`
    mounts only the sources. It starts the image of the function's runtime and architecture there.

    Raises CannotBuildError.
    """
    if record.is_file():
        return recorded_target(record)
    if Path(sys.executable).is_relative_to(LAMBDA_PYTHON):
        return Target(MACHINES[platform.machine()], f"{sys.version_info.major}.{sys.version_info.minor}")
    raise CannotBuildError(f"{record} is missing. Run `sam build`, which writes it, instead of this file.")


def recorded_target(record: Path) -> Target:
    """Reads SAM's plan. Raises CannotBuildError if the functions differ."""
    builds = tomllib.loads(record.read_text())["function_build_definitions"].values()
    targets = {Target(build["architecture"], build["runtime"].removeprefix("python")) for build in builds}
    if len(targets) != 1:
        raise CannotBuildError(f"the functions share one build, so they need one architecture and runtime: {targets}")
    return targets.pop()


def python_of(version: str) -> Path:
    """Returns a Python of this minor version, so that Lambda can read its bytecode. Raises CannotBuildError."""
    probe = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    for python in _candidates(version):
        if _output(str(python), "-c", probe) == version:
            return python
    raise CannotBuildError(
        f"Python {version} with pip is needed to compile bytecode for Lambda. Install it (`pyenv install {version}`,"
        f" `uv python install {version}`, your system's package), or name one: BUILD_PYTHON=/path/to/python{version}"
    )


def _candidates(version: str) -> Iterator[Path]:
    """Yields only BUILD_PYTHON if that is set, else the Pythons on PATH, under pyenv and under uv."""
    if chosen := os.environ.get("BUILD_PYTHON"):
        yield Path(chosen)
        return
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    if root := _output("pyenv", "root"):
        yield from sorted(Path(root).glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
    if found := _output("uv", "python", "find", version):
        yield Path(found)


def _output(program: str, *arguments: str) -> str:
    """Returns what the program prints, or nothing if it isn't installed or fails."""
    if shutil.which(program) is None:
        return ""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def libraries(store: Path, target: Target, python: Path) -> Path:
    """Returns the folder of the installed libraries, which the last build may have left. SAM may build in parallel."""
    store.mkdir(exist_ok=True)
    tree = store / fingerprint(target)
    with (store / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.is_dir():
            for old in (path for path in store.iterdir() if path.is_dir()):
                shutil.rmtree(old)
            unfinished = Path(tempfile.mkdtemp(dir=store))
            _install(unfinished, target, python)
            _strip(unfinished)
            _compile(unfinished, python, [unfinished])
            unfinished.chmod(0o755)  # mkdtemp made it private, but Lambda's user must read it
            unfinished.rename(tree)
    return tree


def fingerprint(target: Target) -> str:
    """Returns a name that changes with everything that determines the installed libraries."""
    parts = (repr(target).encode(), Path(__file__).read_bytes(), LOCK_FILE.read_bytes())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _install(tree: Path, target: Target, python: Path) -> None:
    """Installs the locked libraries from wheels for the target, so that nothing is compiled or run here."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={target.python}"]
    command += [f"--platform={platform}" for platform in PLATFORMS[target.architecture]]
    subprocess.run([*command, f"--target={tree}", f"--requirement={LOCK_FILE}"], check=True)


def _strip(tree: Path) -> None:
    services = (path for path in (tree / "botocore" / "data").iterdir() if path.is_dir())
    unused = [path for path in services if path.name not in AWS_SERVICES]
    for path in [*unused, *(path for pattern in SUPERFLUOUS for path in tree.glob(pattern))]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _compile(tree: Path, python: Path, folders: Iterable[Path]) -> None:
    """Compiles the bytecode. Lambda's file system is read-only, so each cold start would compile it again.

    Python never checks it against the sources, because their times change in a zip and nobody edits them there.
    """
    command = [str(python), "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    # Tracebacks name the files where Lambda has them.
    subprocess.run([*command, "-s", str(tree), "-p", "/var/task", *map(str, folders)], check=True)


def copy_packages(artifacts: Path) -> list[Path]:
    """Copies our packages with their data files, and returns their folders."""
    ignored = shutil.ignore_patterns("__pycache__")
    return [Path(shutil.copytree(SOURCE / name, artifacts / name, ignore=ignored)) for name in PACKAGES]


def _link(source: str, copy: str) -> None:
    """Makes a hard link, or a copy if the file systems differ."""
    try:
        os.link(source, copy)
    except OSError:
        shutil.copyfile(source, copy)


def build(artifacts: Path) -> None:
    record = artifacts.parent.parent / "build.toml"
    target = target_of(record)
    python = python_of(target.python)
    tree = libraries(record.parent / "libraries", target, python)
    shutil.copytree(tree, artifacts, copy_function=_link, dirs_exist_ok=True)
    _compile(artifacts, python, copy_packages(artifacts))


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]))
    except (CannotBuildError, subprocess.CalledProcessError) as problem:
        sys.exit(f"build.py: {problem}")
