"""Fixtures of the Docker tests: the real `sam build`, and `sam local` with a stack behind it.

The tests are skipped without Docker, unless REQUIRE_DOCKER=1.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.renewal import Sources
from sandbox.sam_local import ARCHITECTURE, SAM, SamLocal, docker_answers, sam_local
from sandbox.stack.settings import PROJECT, StackSettings
from tests.support.senders import every_source


@pytest.fixture(scope="session")
def docker() -> None:
    if docker_answers():
        return
    if os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail("no Docker engine answers, and REQUIRE_DOCKER=1")
    pytest.skip("no Docker engine answers")


@pytest.fixture(scope="session")
def built() -> Path:
    """Runs `sam build` for this machine, and gives the folder of its output."""
    command = [str(SAM), "build", "--config-env", "local", f"--parameter-overrides=Architecture={ARCHITECTURE}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return PROJECT / ".local" / "sam" / "build"


@pytest.fixture(scope="session")
def senders() -> Sources:
    """Gives a source for every file of events/."""
    return every_source()


@pytest.fixture(scope="session")
def sam(docker: None, built: Path, senders: Sources) -> Iterator[SamLocal]:
    settings = StackSettings(config=senders.config, secrets=senders.secrets, processes=1)
    with sam_local(settings) as running:
        yield running
