"""`omni-relay check` as a newcomer reads it: each slip is named with its place and its cure, all at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.app import main
from sandbox.stack.settings import PROJECT

RIGHT = """\
scenarios:
  incident: AD9E01A5DC7BEE2C2B828D208182A611
sources:
  ci:
    verify: bearer
    id: body.id
    routes:
      failed:
        when: body.result == 'failed'
        scenario: incident
        to: [{phone: "+41 79 302 67 27"}]
        text: "{{ body.project }} failed"
"""
SECRETS = "sources:\n  ci: a-token\n"
# What is written instead of what, where the slip is found, and words of the cure.
SLIPS = {
    "a misspelled field": (
        "text:",
        "txet:",
        "12:9",
        "source ci, route failed, txet: there is no such field",
        "Did you mean text?",
    ),
    "a misspelled setting": (
        "verify:",
        "verfiy:",
        "5:5",
        "source ci, verfiy: there is no such field",
        "Did you mean verify?",
    ),
    "a misspelled preset": ("bearer", "baerer", "5:5", "source ci, verify: expected a preset", "Did you mean bearer?"),
    "too little indentation": ("        scen", "       scen", "10:8", "fits no line above", "equally, by spaces"),
    "too much indentation": (
        "        scen",
        "          scen",
        "10:19",
        "indented more than the one above",
        "equally, by spaces",
    ),
    "routes at the top": (
        "    routes:\n      failed:",
        "routes:\n      failed:",
        "7:1",
        "unknown field routes",
        "indent it under the source's name",
    ),
    "routes beside the sources": (
        "    routes:\n",
        "  routes:\n",
        "7:3",
        "routes stands where a source's name is expected",
        "indent it under its source",
    ),
    "a route without its name": (
        "      failed:\n",
        "",
        "8:9",
        "a route's fields stand where its name is expected",
        "name the route",
    ),
    "a field of a route in a source": (
        "id: body.id",
        "to: body.to",
        "6:5",
        "it belongs to a route",
        "indent it under routes",
    ),
    "a tab": ("        when", "\t\twhen", "9:1", "a tab stands here", "indent by spaces"),
    "an unknown scenario": ("scenario: inc", "scenario: icn", "10:9", "no scenario icnident", "Did you mean incident?"),
    "a national number": ("+41 79", "079", "11:15", "to[0].phone: '0793****27'", "its country code first"),
    "= for ==": ("==", "=", "9:9", "route failed, when", "a comparison is written =="),
    "a template without quotes": (
        '"{{ body.project }} failed"',
        "{{ body.project }}",
        "12:16",
        "begins with {{",
        "in quotes",
    ),
    "a brace too few": ("project }}", "project }", "12:9", "text: line 1", "is written {{ … }}"),
    "an unknown filter": (
        "project }}",
        "project | uper }}",
        "12:9",
        "there is no filter 'uper'",
        "Did you mean upper?",
    ),
    "an unknown variable": ("body.project", "bodi.project", "12:9", "'bodi' is undefined", "Did you mean body?"),
    "no to": (
        '        to: [{phone: "+41 79 302 67 27"}]\n',
        "",
        "8:7",
        "route failed, to: it is missing",
        "such as to:",
    ),
    "no space after a colon": ("scenario: inc", "scenario:inc", "10:9", "is not YAML", "a colon and a space"),
    "a colon in a text": ('"{{ body.project }} failed"', "failed: {now}", "12:21", "is not YAML", "in quotes"),
}


def check(
    folder: Path, config: str, secrets: str | None = SECRETS, *options: str
) -> "subprocess.CompletedProcess[str]":
    (folder / "relay.yaml").write_text(config)
    files = ["--config", "relay.yaml"]
    if secrets is not None:
        (folder / "secrets.yaml").write_text(secrets)
        files += ["--secrets", "secrets.yaml"]
    return subprocess.run(
        [sys.executable, "-m", "cli", "check", *files, *options],
        cwd=folder,
        env={"PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("slip", SLIPS)
def test_a_newcomer_s_slip_is_named_with_its_place_and_its_cure(tmp_path: Path, slip: str) -> None:
    old, new, place, where, cure = SLIPS[slip]
    assert RIGHT.count(old) == 1
    run = check(tmp_path, RIGHT.replace(old, new))
    assert (run.returncode, run.stderr) == (3, "")
    first, last = run.stdout.splitlines()
    assert first.startswith(f"relay.yaml:{place}: ")
    assert where in first
    assert cure in first
    assert last == "1 mistake"


def test_a_right_file_has_no_mistake(tmp_path: Path) -> None:
    run = check(tmp_path, RIGHT)
    assert (run.returncode, run.stdout, run.stderr) == (0, "relay.yaml: no mistake\n", "")


def test_a_missing_secret_is_a_mistake_if_the_secrets_are_given(tmp_path: Path) -> None:
    run = check(tmp_path, RIGHT, "sources: {}\n")
    assert run.returncode == 3
    assert run.stdout.startswith("relay.yaml:4:3: source ci: it has no secret, so it refuses everything: add ci: …")
    run = check(tmp_path, RIGHT, None)
    assert run.returncode == 0
    assert "name their file by --secrets" in run.stderr


def test_all_mistakes_are_named_at_once_in_the_order_of_their_places(tmp_path: Path) -> None:
    wrong = RIGHT
    for old, new in (("bearer", "baerer"), ("==", "="), ("to:", "ot:"), ("body.project", "bodi.project | uper")):
        wrong = wrong.replace(old, new)
    run = check(tmp_path, wrong + "extra: 1\n", "sources: {cii: x}\n", "--json")
    found = json.loads(run.stdout)
    assert run.returncode == 3
    assert [(one["file"], one["line"], one["field"], one["meant"]) for one in found] == [
        ("relay.yaml", 5, "verify", "bearer"),
        ("relay.yaml", 9, "when", None),
        ("relay.yaml", 11, "ot", "to"),
        ("relay.yaml", 12, "text", "body"),
        ("relay.yaml", 13, "extra", None),
        ("secrets.yaml", 1, "secrets", "ci"),
    ]


def test_several_mistakes_in_one_list_are_all_named(tmp_path: Path) -> None:
    several = '[{phone: "079 302"}, {email: nobody}, {phoen: "+41 79 302 67 27"}]'
    run = check(tmp_path, RIGHT.replace('[{phone: "+41 79 302 67 27"}]', several), SECRETS, "--json")
    assert [one["field"] for one in json.loads(run.stdout)] == ["to[0].phone", "to[1].email", "to[2].phoen"]


def test_the_files_of_this_project_have_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    config, secrets = str(PROJECT / "relay.yaml"), str(PROJECT / "secrets.local.yaml")
    assert main(["check", "--config", config, "--secrets", secrets]) == 0
    assert capsys.readouterr().out == f"{config}: no mistake\n"


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(tmp_path / "nowhere.yaml")]) == 3
    assert "nowhere.yaml: No such file or directory" in capsys.readouterr().out
