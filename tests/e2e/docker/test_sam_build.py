"""`sam build` packs our code, the libraries for the right processor, and bytecode that Lambda's Python accepts."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from bench.builds import Program
from sandbox.sam_local import ARCHITECTURE, SAM
from sandbox.stack.settings import PROJECT

pytestmark = pytest.mark.e2e

MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}  # e_machine of ELF
PYTHON_3_13 = 3571  # the magic number of Python 3.13's bytecode
UNCHECKED_HASH = 1
BUDGETS = tomllib.loads((PROJECT / "tests" / "unit" / "project" / "budgets.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def function(built: Path) -> Path:
    return built / "WebhookFunction"


def machines(folder: Path) -> set[str]:
    return {MACHINES[int.from_bytes(path.read_bytes()[18:20], "little")] for path in folder.rglob("*.so")}


def test_every_module_comes_with_bytecode_that_is_never_checked(function: Path) -> None:
    modules = list(function.rglob("*.py"))

    assert len(modules) > 500
    for module in modules:
        header = (module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc").read_bytes()[:8]
        assert int.from_bytes(header[:2], "little") == PYTHON_3_13
        assert int.from_bytes(header[4:], "little") == UNCHECKED_HASH


def test_the_build_holds_only_what_runs(function: Path) -> None:
    top = {path.name for path in function.iterdir()}

    assert {"handlers", "relay", "omni", "aws", "boto3", "pydantic"} <= top
    assert not top & {"build.py", "Makefile", "requirements.txt", "sandbox", "cli", "tests", "bin", "pytest", "moto"}
    assert {path.name for path in (function / "botocore" / "data").iterdir() if path.is_dir()} >= {
        "ssm",
        "sqs",
        "dynamodb",
    }


def test_the_build_stays_within_its_budget(function: Path) -> None:
    unzipped, _ = Program("ours", function, {}).size()
    assert 0.9 * BUDGETS["unzipped_megabytes"] < unzipped <= BUDGETS["unzipped_megabytes"]


def test_the_libraries_fit_this_machine(function: Path) -> None:
    assert machines(function) == {ARCHITECTURE}


def test_a_plain_build_is_for_the_template_s_own_processor(tmp_path: Path) -> None:
    # Without a parameter, the build takes the processor that is the template's default.
    subprocess.run(
        [str(SAM), "build", "--build-dir", str(tmp_path / "build")], cwd=PROJECT, check=True, capture_output=True
    )

    assert machines(tmp_path / "build" / "WebhookFunction") == {"arm64"}


def test_without_the_runtime_s_python_the_build_fails_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "build.toml").write_text(
        '[function_build_definitions.one]\nruntime = "python3.99"\narchitecture = "arm64"\n'
    )
    command = ["python3", "build.py", str(tmp_path / "build" / "WebhookFunction")]
    done = subprocess.run(command, cwd=PROJECT / "src", capture_output=True, text=True, check=False, env=os.environ)

    assert done.returncode != 0
    assert "Python 3.99" in done.stderr
    assert "BUILD_PYTHON=" in done.stderr
    assert "Traceback" not in done.stderr
