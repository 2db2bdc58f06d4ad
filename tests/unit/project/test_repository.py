"""The repository is consistent: links have targets, CI and hooks run the gates, and foreign actions are pinned."""

import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.stack.settings import PROJECT

PAGES = sorted(chain(PROJECT.glob("*.md"), (PROJECT / "docs").rglob("*.md"), (PROJECT / ".github").rglob("*.md")))
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:src|tests|docs|events|sandbox|configuration|cli|\.ci)/[\w./-]*[\w/])`")
FENCED = re.compile(r"^\s*```.*?^\s*```", re.MULTILINE | re.DOTALL)
PINNED = re.compile(r"[\w.-]+/[\w.-]+(?:/[\w./-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Returns the names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def recipe(target: str) -> str:
    """Returns the commands of a target of the Makefile."""
    [commands] = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    return str(commands)


def hooks() -> list[dict[str, Any]]:
    [repository] = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"]
    return list(repository["hooks"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_each_relative_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(file), f"{target} names no heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_each_file_that_a_page_names_is_there(page: Path) -> None:
    """Paths with NAME, such as `docs/senders/NAME.md`, are skipped, because they stand for many files."""
    named = [name for name in NAMED.findall(prose(page)) if "NAME" not in name]
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_ci_runs_what_a_developer_runs() -> None:
    ci = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    commands = [step["run"] for job in ci["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands == ["bash .ci/run"]
    verbs = re.findall(r"^make (\w+)", (PROJECT / ".ci" / "run").read_text(), re.MULTILINE)
    assert set(verbs) == {"check", "test", "soak", "e2e"}


def test_ci_may_only_read() -> None:
    for workflow in WORKFLOWS:
        assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}


def test_each_action_is_pinned_by_its_commit_with_the_version_beside_it() -> None:
    used = [
        line.partition("uses: ")[2] for file in WORKFLOWS for line in file.read_text().splitlines() if "uses:" in line
    ]
    foreign = [action for action in used if not action.startswith("./")]
    assert foreign
    assert [action for action in foreign if not PINNED.fullmatch(action)] == []


def test_the_hooks_are_the_gates_of_make_check() -> None:
    # In a hook, `ruff format` fixes the files; in `make check`, it only checks them.
    gates = (
        recipe("check").replace("$(BIN)", ".venv/bin").replace("$(SAM)", ".venv-sam/bin/sam").replace(" --check", "")
    )
    commands = [gate.strip() for line in gates.splitlines() for gate in line.split("&&")]
    entries = [re.sub(r"^env (\S+=\S+ )+|\s*--force-exclude", "", hook["entry"]) for hook in hooks()]
    assert [f"{entry} ." if "ruff" in entry else entry for entry in entries] == commands


def test_the_changelog_has_an_entry_for_the_version() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\n## [{version}] - " in (PROJECT / "CHANGELOG.md").read_text()
