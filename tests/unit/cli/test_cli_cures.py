"""`omni-relay parked` names the cures of docs/reliability.md."""

import re

from cli.cures import CURES
from relay.model.items import Reason
from sandbox.stack.settings import PROJECT

PAGE = (PROJECT / "docs" / "reliability.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("| reason | what to do before the replay |")[2].partition("\n\n")[0]


def test_each_reason_has_the_cure_that_the_page_names() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", TABLE, re.MULTILINE))
    said = {reason: re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", cure).replace("`", "") for reason, cure in rows.items()}
    assert said == CURES
    assert set(CURES) == set(Reason)
