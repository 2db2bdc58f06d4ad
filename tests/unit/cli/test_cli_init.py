"""`omni-relay init` writes a file of one's own, which has no mistake and no example's recipient."""

from pathlib import Path

import pytest
import yaml

from cli.app import main
from cli.senders import names

PHONE = "+49 151 23456789"


def init(folder: Path, *arguments: str) -> int:
    output = str(folder / "relay.yaml")
    return main(["init", *arguments, "--phone", PHONE, "--scenario-key", "MY-KEY", "--output", output])


@pytest.mark.parametrize("name", names())
def test_each_sender_s_file_has_no_mistake_and_nobody_else_s_recipient(tmp_path: Path, name: str) -> None:
    assert init(tmp_path, name) == 0
    text = (tmp_path / "relay.yaml").read_text(encoding="utf-8")
    assert main(["check", "--config", str(tmp_path / "relay.yaml")]) == 0
    assert yaml.safe_load(text)["scenarios"] == {"incident": "MY-KEY"}
    assert "+41 79 302" not in text
    assert "@example.com" not in "".join(line for line in text.splitlines() if not line.strip().startswith("#"))
    assert max(map(len, text.splitlines())) < 180


def test_the_file_says_what_to_set_at_each_sender_and_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, "github", "stripe") == 0
    text = (tmp_path / "relay.yaml").read_text(encoding="utf-8")
    assert "  # GitHub: repository or organisation → Settings → Webhooks → Add webhook." in text
    assert "  # Secret: the text that you entered." in text
    assert list(yaml.safe_load(text)["sources"]) == ["github", "stripe"]
    said = capsys.readouterr().out
    assert "    github: …\n    stripe: …\n" in said
    assert f"omni-relay check --config {tmp_path / 'relay.yaml'} --secrets secrets.yaml" in said


def test_a_file_that_is_there_stays_unless_it_is_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "relay.yaml").write_text("mine")
    assert init(tmp_path, "github") == 2
    assert "replace it by --force" in capsys.readouterr().err
    assert (tmp_path / "relay.yaml").read_text() == "mine"
    assert init(tmp_path, "github", "--force") == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("githbu",), "there is no sender githbu. Did you mean github?"),
        ((), "name at least one sender"),
        (("github", "--phone", "079 302 67 27"), "expected its country code first"),
        (("github", "--scenario-key", "{{"), "relay.yaml: line 11"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    given = ["--phone", PHONE, "--scenario-key", "MY-KEY", "--output", str(tmp_path / "relay.yaml")]
    assert main(["init", *given, *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "relay.yaml").exists()
