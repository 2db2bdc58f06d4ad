"""src/build.py: what it builds for, and with which Python."""

from collections.abc import Mapping
from pathlib import Path

import pytest

import build
from build import CannotBuildError, Target

FAKE = "#!/bin/sh\necho {answer}\n"


def record(folder: Path, builds: Mapping[str, tuple[str, str]]) -> Path:
    """As SAM writes it: for each function its runtime and its architecture."""
    path = folder / "build.toml"
    path.write_text(
        "".join(
            f'[function_build_definitions.{name}]\nruntime = "{runtime}"\narchitecture = "{architecture}"\n'
            for name, (runtime, architecture) in builds.items()
        )
    )
    return path


def fake_program(path: Path, answer: str) -> Path:
    """A program that answers so, whatever it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FAKE.format(answer=answer))
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any other Python: its PATH and its pyenv's root are that folder."""
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


def test_without_sam_s_plan_nothing_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(CannotBuildError, match="sam build"):
        build.recorded_target(tmp_path / "build.toml")


def test_every_architecture_of_the_template_has_wheels() -> None:
    assert build.PLATFORMS.keys() == {"arm64", "x86_64"}


def test_a_python_of_pyenv_serves_where_none_is_on_the_path(bare: Path) -> None:
    fake_program(bare / "versions" / "3.13.0" / "bin" / "python3.13", "3.13")

    assert build.python_of("3.13") == bare / "versions" / "3.13.0" / "bin" / "python3.13"


def test_the_one_named_by_hand_is_taken(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(bare / "python3.13", "3.13")
    monkeypatch.setenv("BUILD_PYTHON", str(fake_program(bare / "mine", "3.13")))

    assert build.python_of("3.13") == bare / "mine"


def test_a_program_that_only_looks_like_it_is_passed_over(bare: Path) -> None:
    # pyenv's shims are on PATH for versions that aren't selected, and fail.
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
def test_a_wrong_one_named_by_hand_is_not_replaced_in_silence(
    bare: Path, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    fake_program(bare / "python3.13", "3.13")
    if answer:
        fake_program(bare / "mine", answer)
    monkeypatch.setenv("BUILD_PYTHON", str(bare / "mine"))

    with pytest.raises(CannotBuildError):
        build.python_of("3.13")
