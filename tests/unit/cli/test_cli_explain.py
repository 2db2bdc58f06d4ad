"""`omni-relay explain` says what the relay does with an event and why, as an operator reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.app import main
from sandbox.stack.settings import PROJECT

CONFIG = """\
scenarios:
  incident: AD9E01A5DC7BEE2C2B828D208182A611
sources:
  ci:
    verify: bearer
    routes:
      failed:
        when: body.result == 'failed' && body.branch == 'main'
        scenario: incident
        to: [{phone: "+41 79 302 67 27", email: ops@example.com}]
        text: "{{ body.project }} failed"
        channels: {sms: {text: "{{ body.project }} → failed"}, email: {subject: Build}}
      each:
        for_each: body.jobs
        scenario: incident
        to: [{phone: "+41 79 302 67 31"}]
        text: |-
          job
          {{ item.name }}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "relay.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


def a_body(folder: Path, content: Any) -> str:
    file = folder / "body.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return str(file)


def test_a_route_that_does_not_match_tells_what_was_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = explained(capsys, a_body(folder, {"Result": "failed", "jobs": []}), "--source", "ci")
    assert "outcome  no route wants it: it gets 200, and nothing is sent" in text
    assert '✗ body.result = null ≠ "failed"' in text
    assert "body has no field result: did you mean Result?" in text
    assert "· body.branch == 'main': not looked at" in text
    assert "for_each body.jobs: 0 items" in text


def test_a_match_tells_texts_their_size_and_the_exact_request(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = a_body(folder, {"result": "failed", "branch": "main", "project": "shop"})
    text = explained(capsys, body, "--source", "ci")
    assert "✓ failed  matched" in text
    assert '✓ body.branch = "main"\n' in text
    assert "to +41793026727 and ops@example.com, by incident" in text
    assert "sms: shop → failed  (SMS: UCS-2 because of →, 1 segment)" in text
    assert "email: Build / shop failed" in text
    assert "POST /omni/1/advanced" in text
    assert '"scenarioKey": "AD9E01A5DC7BEE2C2B828D208182A611"' in text


def test_a_template_s_error_is_shown_at_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = explained(capsys, a_body(folder, {"jobs": [{"name": "lint"}, {}]}), "--source", "ci")
    assert "outcome  it is parked, because a route failed" in text
    assert "✗ item 2: text: line 2: 'name' is undefined\n        2 | {{ item.name }}\n" in text
    assert "item 1, to +41793026731, by incident" in text


def test_it_is_json_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [explanation] = json.loads(explained(capsys, a_body(folder, {"result": "ok"}), "--source", "ci", "--json"))
    assert (explanation["outcome"], explanation["proof"]) == ("ignored", None)
    assert explanation["routes"][0]["when"]["parts"][0]["relation"] == "≠"


@pytest.mark.parametrize("name", ["github-release", "schedule", "delivery"])
def test_the_repository_s_own_events_are_explained(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    text = explained(capsys, name)
    assert "outcome  1 message" in text
    assert ("verified (github)" in text) == (name == "github-release")


def test_a_wrong_signature_is_told_beside_what_the_routes_say(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(PROJECT)
    other = tmp_path / "secrets.yaml"
    other.write_text("sources: {github: another-secret}\n")
    text = explained(capsys, "github-release", "--secrets", str(other))
    assert "source   github: not verified, " in text
    assert "outcome  refused: " in text
    assert "✓ release  matched" in text


def test_a_header_of_a_body_is_seen_by_routes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(PROJECT)
    body = a_body(tmp_path, {"action": "published", "repository": {"full_name": "x"}, "release": {"tag_name": "1"}})
    assert "✓ release  matched" in explained(capsys, body, "--source", "github", "--header", "X-GitHub-Event: release")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.json"], "there is no file nothing.json"),
        (["body.json"], "name its --source"),
        (["body.json", "--source", "nobody"], "there is no source nobody"),
        (["body.json", "--source", "ci", "--header", "x"], "--header: expected a name and a value"),
        (["body.json", "--source", "ci", "--config", "other.yaml"], "other.yaml"),
        (["list.json"], "is no event as in events/"),
    ],
)
def test_a_slip_is_named(arguments: list[str], words: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_body(folder, {"result": "ok"})
    (folder / "list.json").write_text("7")
    assert main(["explain", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_hostile_text_moves_no_cursor(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = a_body(folder, {"jobs": [{"name": "a\x1b[2Jb\u202ec"}]})
    text = explained(capsys, body, "--source", "ci")
    assert "\x1b" not in text
    assert "\u202e" not in text
