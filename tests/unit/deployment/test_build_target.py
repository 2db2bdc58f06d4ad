"""src/build.py finds what to build for and a Python to build with, and ships our packages with their data."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import build
from build import CannotBuildError, Target

FAKE = "#!/bin/sh\necho {answer}\n"


def record(folder: Path, builds: Mapping[str, tuple[str, str]]) -> Path:
    """Writes SAM's plan: the runtime and the architecture of each function."""
    path = folder / "build.toml"
    path.write_text(
        "".join(
            f'[function_build_definitions.{name}]\nruntime = "{runtime}"\narchitecture = "{architecture}"\n'
            for name, (runtime, architecture) in builds.items()
        )
    )
    return path


def fake_program(path: Path, answer: str) -> Path:
    """Makes a program that always prints this answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FAKE.format(answer=answer))
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gives a machine without any other Python: PATH and the root of pyenv are this folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    fake_program(tmp_path / "pyenv", str(tmp_path))
    monkeypatch.delenv("BUILD_PYTHON", raising=False)
    return tmp_path


def test_the_target_is_what_sam_plans(tmp_path: Path) -> None:
    plan = record(tmp_path, {"one": ("python3.13", "x86_64"), "two": ("python3.13", "x86_64")})

    assert build.recorded_target(plan) == Target("x86_64", "3.13")


def test_functions_of_two_processors_cannot_share_a_build(tmp_path: Path) -> None:
    plan = record(tmp_path, {"one": ("python3.13", "x86_64"), "two": ("python3.13", "arm64")})

    with pytest.raises(CannotBuildError, match="one architecture"):
        build.recorded_target(plan)


def test_without_sam_s_plan_nothing_is_built(tmp_path: Path) -> None:
    with pytest.raises(CannotBuildError, match="sam build"):
        build.target_of(tmp_path / "build.toml")


@pytest.mark.parametrize(("machine", "architecture"), [("aarch64", "arm64"), ("x86_64", "x86_64")])
def test_in_lambda_s_build_image_the_target_is_what_the_image_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str
) -> None:
    # `sam build --use-container` mounts no plan, and starts the image of the function's runtime and processor.
    monkeypatch.setattr("sys.executable", "/var/lang/bin/python3")
    monkeypatch.setattr("platform.machine", lambda: machine)

    target = build.target_of(tmp_path / "build.toml")

    assert target == Target(architecture, f"{sys.version_info.major}.{sys.version_info.minor}")


def test_sam_s_plan_counts_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/var/lang/bin/python3")
    plan = record(tmp_path, {"one": ("python3.13", "arm64")})

    assert build.target_of(plan) == Target("arm64", "3.13")


def test_every_architecture_of_the_template_has_wheels() -> None:
    assert build.PLATFORMS.keys() == {"arm64", "x86_64"}


def test_a_python_of_pyenv_is_used_if_none_is_on_the_path(bare: Path) -> None:
    fake_program(bare / "versions" / "3.13.0" / "bin" / "python3.13", "3.13")

    assert build.python_of("3.13") == bare / "versions" / "3.13.0" / "bin" / "python3.13"


def test_a_python_named_by_hand_is_used(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(bare / "python3.13", "3.13")
    monkeypatch.setenv("BUILD_PYTHON", str(fake_program(bare / "mine", "3.13")))

    assert build.python_of("3.13") == bare / "mine"


def test_a_program_that_is_not_this_python_is_skipped(bare: Path) -> None:
    # pyenv puts a shim on PATH for each version, and those that aren't selected fail.
    fake_program(bare / "python3.13", "3.11")
    fake_program(bare / "versions" / "3.13.2" / "bin" / "python3.13", "3.13")

    assert build.python_of("3.13").parent.parent.name == "3.13.2"


def test_a_missing_python_is_an_error_that_says_what_to_do(bare: Path) -> None:
    with pytest.raises(CannotBuildError, match=r"3\.13 .*pyenv install 3\.13.*BUILD_PYTHON="):
        build.python_of("3.13")


def test_libraries_are_installed_anew_when_the_lock_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "requirements.txt"
    monkeypatch.setattr(build, "LOCK_FILE", lock)
    marks = []
    for content in ("one", "one", "two"):
        lock.write_text(content)
        marks.append(build.fingerprint(Target("arm64", "3.13")))

    assert marks[0] == marks[1] != marks[2]
    assert build.fingerprint(Target("x86_64", "3.13")) != marks[2]


@pytest.mark.parametrize("answer", ["3.12", None])
def test_a_wrong_python_named_by_hand_is_an_error(
    bare: Path, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    fake_program(bare / "python3.13", "3.13")
    if answer:
        fake_program(bare / "mine", answer)
    monkeypatch.setenv("BUILD_PYTHON", str(bare / "mine"))

    with pytest.raises(CannotBuildError):
        build.python_of("3.13")


def test_our_packages_ship_with_the_tables_that_they_read(tmp_path: Path) -> None:
    folders = build.copy_packages(tmp_path)

    code = "from omni import known_errors, known_statuses; print(len(known_errors()), len(known_statuses()))"
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"]
    counted = subprocess.run(command, capture_output=True, text=True, check=True, env={}, cwd=tmp_path)
    assert [folder.name for folder in folders] == list(build.PACKAGES)
    assert counted.stdout == "317 64\n"
