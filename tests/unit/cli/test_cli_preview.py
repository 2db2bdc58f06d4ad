"""`omni-relay preview` says who would hear what of each event, and what a change of relay.yaml changes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cli.app import main
from sandbox.stack.settings import PROJECT

CONFIG = """\
scenarios: {incident: AD9E01A5DC7BEE2C2B828D208182A611}
sources:
  github:
    verify: github
    routes:
      release:
        when: headers."x-github-event" == 'release'
        scenario: incident
        to: [{phone: "+41 79 302 67 27"}]
        text: "{{ body.release.tag_name }} is out"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "relay.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["preview", "--events", str(PROJECT / "events"), *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def changed(folder: Path, old: str, new: str) -> None:
    file = folder / "relay.yaml"
    assert old in file.read_text(encoding="utf-8")
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def in_git(folder: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)

    git("init", "--initial-branch", "main")
    git("add", "relay.yaml")
    git("commit", "--message", "first")


def test_each_event_of_a_configured_source_has_its_rows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text, remarks = ran(capsys)
    assert code == 0
    lines = {line.split()[0]: " ".join(line.split()) for line in text.splitlines()}
    assert lines["github-release"] == "github-release release +41793026727 incident every channel 1 v2.4.0 is out"
    assert lines["github-workflow-failed"] == "github-workflow-failed nobody no route wants it"
    assert "are of sources that relay.yaml doesn't have" in remarks


def test_an_event_that_would_be_parked_ends_with_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(folder, "body.release.tag_name", "body.release.tag")
    code, text, _ = ran(capsys)
    assert code == 3
    assert "nobody" in text
    assert "parked: text: 'tag' is undefined" in text


def test_against_a_revision_only_what_changes_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_git(folder)
    assert ran(capsys, "--against", "HEAD")[:2] == (0, "nothing changes\n")
    changed(folder, "67 27", "67 28")
    code, text, _ = ran(capsys, "--against", "main")
    assert code == 0
    assert text.splitlines() == [
        "github-release",
        "  - route release: +41793026727 by incident, every channel (1 SMS): v2.4.0 is out",
        "  + route release: +41793026728 by incident, every channel (1 SMS): v2.4.0 is out",
        f"1 of {count()} events would be told otherwise",
    ]


def count() -> str:
    return str(len(list((PROJECT / "events").glob("*.json"))))


def test_only_a_failure_that_the_change_makes_ends_with_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(folder, "body.release.tag_name", "body.release.tag")
    in_git(folder)
    assert ran(capsys, "--against", "HEAD")[0] == 0
    changed(folder, "body.release.tag", "body.release.name_of_it")
    assert ran(capsys, "--against", "HEAD")[0] == 3


def test_against_a_file_a_source_that_is_gone_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "old.yaml").write_text((PROJECT / "relay.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    code, text, _ = ran(capsys, "--against", "old.yaml", "--json")
    assert code == 0
    gone: list[Any] = json.loads(text)
    assert {"gitlab-pipeline-failed", "sns-alarm"} <= {one["event"] for one in gone if not one["new"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--against", "no-such-revision"], "is no file, and git has no relay.yaml of that revision"),
        (["--config", "nothing.yaml"], "nothing.yaml"),
        (["--events", "nowhere"], "there are no events in nowhere"),
    ],
)
def test_a_slip_is_named(arguments: list[str], words: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = ran(capsys, *arguments)
    assert code == 2
    assert words in said


def test_a_muted_source_and_a_muted_route_are_heard_by_nobody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(folder, "        scenario", "        muted: true\n        scenario")
    assert "github-release release nobody muted" in " ".join(ran(capsys)[1].split())
    changed(folder, "    verify", "    muted: true\n    verify")
    assert "github-release nobody the source is muted" in " ".join(ran(capsys)[1].split())


def test_what_follows_an_undelivered_message_has_its_own_row(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = '        unless_delivered: {within: 5m, to: [{phone: "+41 79 302 67 31"}], text: nobody}\n        scenario'
    changed(folder, "        scenario", step)
    assert (
        "github-release release +41793026731 incident every channel 1 unless delivered within 300 s: nobody"
        in " ".join(ran(capsys)[1].split())
    )
