"""make sets up the project's environment, and changes no file outside the project."""

import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]


def test_a_venv_that_is_a_link_is_refused_and_its_target_stays_unchanged(tmp_path: Path) -> None:
    clone, elsewhere = tmp_path / "clone", tmp_path / "elsewhere"
    (clone / "requirements").mkdir(parents=True)
    (clone / "requirements" / "run.txt").touch()
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (clone / ".venv").symlink_to(elsewhere)
    shutil.copy(PROJECT / "Makefile", clone)
    command = ["make", f"PYTHON={sys.executable}", ".venv/run"]
    made = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert made.returncode != 0
    assert ".venv is a link" in made.stderr
    assert [file.name for file in elsewhere.iterdir()] == ["precious"]
