"""Fixtures of the Docker tests: the real `sam build`, and `sam local` with a stack behind it.

The tests are skipped without Docker, unless REQUIRE_DOCKER=1.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import variables
from sandbox.renewal import Sources
from sandbox.sam_local import ARCHITECTURE, SAM, SamLocal, docker_answers, sam_local
from sandbox.stack.settings import PROJECT, StackSettings

Yaml = dict[str, Any]


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
    """Gives a source for every file of events/: those of the example, and the others from docs/senders."""
    example = variables.sources()
    sources = pasted_from_docs() | example.config["sources"]
    secrets = {name: secret_for(source) for name, source in sources.items()} | example.secrets["sources"]
    return Sources({**example.config, "sources": sources}, {"sources": secrets})


def pasted_from_docs() -> Yaml:
    found: Yaml = {}
    for page in sorted((PROJECT / "docs" / "senders").glob("*.md")):
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
            found = yaml.safe_load(block) | found
    return found


def secret_for(source: Mapping[str, Any]) -> str:
    """Returns a fake secret in a form that the source's preset accepts."""
    return "e2e:password" if "basic" in str(source["verify"]) else "whsec_ZTJlLXNlY3JldC1ub3QtZm9yLXJlYWwtdXNl"


@pytest.fixture(scope="session")
def sam(docker: None, built: Path, senders: Sources) -> Iterator[SamLocal]:
    settings = StackSettings(config=senders.config, secrets=senders.secrets, processes=1)
    with sam_local(settings) as running:
        yield running
