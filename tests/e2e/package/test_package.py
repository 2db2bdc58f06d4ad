"""The package that `pipx install .` makes holds everything that the command imports, and nothing of the tests."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sandbox.stack.settings import PROJECT

pytestmark = pytest.mark.e2e


def test_the_installed_command_runs_without_the_project(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    folders = {path.name for path in (tmp_path / "installed").iterdir()}
    assert {name for name in folders if not name.endswith(".dist-info")} == {
        "cli",
        "configuration",
        "handlers",
        "relay",
        "omni",
        "aws",
    }
    config = tmp_path / "relay.yaml"
    config.write_text("sources: {ci: {verify: bearer}}\n")
    code = f"""
import sys
ours = {str(PROJECT)!r}
sys.path[:] = [{str(tmp_path / "installed")!r}, *(p for p in sys.path if "-packages" in p or not p.startswith(ours))]
from cli.app import main
import cli
assert cli.__file__.startswith({str(tmp_path)!r})
sys.exit(main(sys.argv[1:]))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, "push", "--config", str(config)],
        cwd=tmp_path,
        env={"AWS_CONFIG_FILE": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (tmp_path / "installed" / "cli" / "senders" / "github.md").is_file()
    assert (run.returncode, run.stdout) == (1, ""), run.stderr
    assert run.stderr.startswith("AWS: You must specify a region.")
