"""The command's help is quick, whole, and the same as docs/cli.md."""

import subprocess
import sys

import pytest

from cli.app import VERBS
from cli.reference import pages
from sandbox.stack.settings import PROJECT

LATE = ("boto3", "botocore", "rich", "pydantic", "jinja2", "yaml", "requests")
NAMES = [name for names in VERBS.values() for name in names]


def omni_relay(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}", **variables}
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_help_lists_each_verb_and_imports_nothing_that_is_slow() -> None:
    code = f"import sys; from cli.app import main; main(['--help']); print(sorted(set({LATE}) & set(sys.modules)))"
    environment = {"PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    *said, loaded = run.stdout.splitlines()
    assert [name for name in NAMES if not any(line.strip().startswith(f"{name} ") for line in said)] == []
    assert loaded == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_each_verb_has_examples(name: str) -> None:
    run = omni_relay(name, "--help")
    assert run.returncode == 0
    assert f"omni-relay {name}" in run.stdout.partition("Examples:")[2]


def test_the_page_of_the_command_is_its_help() -> None:
    page = (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == "".join(pages()), "run: PYTHONPATH=src:. .venv/bin/python -m cli.reference > docs/cli.md"


def test_the_shell_is_given_a_script_and_the_names_of_the_verbs() -> None:
    assert "_omni_relay_completion" in omni_relay("completion", "bash").stdout
    completing = {"_OMNI_RELAY_COMPLETE": "bash_complete", "COMP_WORDS": "omni-relay pu", "COMP_CWORD": "1"}
    assert omni_relay(**completing).stdout.splitlines() == ["plain,push"]
