"""docs/deploy.md says of the template, the workflows and the Makefile what is true."""

import re
from typing import Any

import pytest

from sandbox.stack.intrinsics import load_yaml
from sandbox.stack.settings import PROJECT

Json = Any
PAGE = (PROJECT / "docs" / "deploy.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (?:`([^`]+)`|.) \| [^|]+ \|$", PAGE, re.MULTILINE)
COMMAND = re.compile(r"make (\w+)")


def test_the_table_has_each_parameter_of_the_template_with_its_default(document: dict[str, Json]) -> None:
    defaults = {name: str(parameter["Default"]) for name, parameter in document["Parameters"].items()}

    assert dict(ROWS) == defaults
    assert len(ROWS) == len(defaults)


def test_each_parameter_that_a_command_sets_exists(document: dict[str, Json]) -> None:
    commands = re.findall(r'PARAMETERS="([^"]+)"|parameter_overrides = "([^"]+)"', PAGE)
    set_there = {word.partition("=")[0] for one in commands for word in " ".join(one).split()}

    assert set_there
    assert set_there <= document["Parameters"].keys()


@pytest.mark.parametrize("file", ["github.yaml", "waf.yaml"])
def test_each_parameter_of_the_other_templates_exists(file: str) -> None:
    known = load_yaml(PROJECT / "deploy" / file)["Parameters"].keys()
    blocks = re.findall(
        rf"--template-file deploy/{re.escape(file)}.*?--parameter-overrides ([^`]+?)(?=\n\s*aws|\n\s*```)",
        PAGE,
        re.DOTALL,
    )

    assert blocks
    assert {name for block in blocks for name in re.findall(r"(\w+)=", block)} <= known


def test_each_verb_is_a_target_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z -]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)

    assert set(COMMAND.findall(PAGE)) <= {target for line in targets for target in line.split()}


def test_traffic_moves_as_the_page_says(document: dict[str, Json]) -> None:
    preference = document["Globals"]["Function"]["DeploymentPreference"]["Type"]

    assert preference == {"Fn::If": ["IsProduction", "Canary10Percent5Minutes", "AllAtOnce"]}
    assert "`Canary10Percent5Minutes`" in PAGE
    assert "`AllAtOnce`" in PAGE


def test_what_the_page_calls_retained_is_retained(document: dict[str, Json]) -> None:
    retained = {name for name, one in document["Resources"].items() if "Retain" in one.get("DeletionPolicy", "")}

    assert retained == {"Table", "RecordsTable", "DeadLetterQueue"}
    assert all(f"`{name}`" in PAGE for name in retained)


def test_each_variable_of_the_workflows_is_explained() -> None:
    workflows = (PROJECT / ".github" / "workflows").glob("*.yml")
    used = {name for path in workflows for name in re.findall(r"vars\.(\w+)", path.read_text())}

    assert used
    assert {name for name in used if f"`{name}`" not in PAGE} == set()
