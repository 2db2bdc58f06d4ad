"""docs/operations.md shows what the command really prints, as far as that needs no stack."""

import re
import shlex

import pytest

from cli.app import main
from sandbox.stack.settings import PROJECT

PAGE = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```console\n\$ omni-relay (explain [\w-]+)\n([^$].+?)\n```", PAGE, re.DOTALL)


def test_the_page_shows_an_explanation() -> None:
    assert SHOWN


@pytest.mark.parametrize(("command", "output"), SHOWN)
def test_the_page_shows_what_the_command_prints(
    command: str, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    assert main(shlex.split(command)) == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == output.splitlines()
