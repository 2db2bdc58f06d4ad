"""Makes a relay.yaml of the pages of docs/senders: what a sender's page says can be pasted."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.frame import Mistake
from configuration.mistakes import nearest

_PACKAGED = Path(__file__).with_name("senders")  # in an installed package
_PROJECT = Path(__file__).parents[1] / "docs" / "senders"
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_WIDTH = 116
# The people of the pages, who must get nobody's messages.
_PHONE = re.compile(r"\+41 79 302 67 \d\d")
_EMAIL = re.compile(r", email: [a-z]+@example\.com")
_HEAD = """\
# Which events of which senders become messages, to whom, by which scenario. docs/configuration.md explains every field.
# `omni-relay check` names mistakes, `omni-relay plan` shows what a push would change.
scenarios:
  incident: {key}    # OMNI's key of a scenario: channels in order, with failover

sources:
"""


@dataclass(frozen=True, slots=True)
class Sender:
    """A page: its source in YAML, and what it says of the sender's settings and of the secret."""

    name: str
    title: str
    source: str
    at_sender: str
    secret: str


def names() -> list[str]:
    """Gives the names of all senders that have a page."""
    return sorted(page.stem for page in _folder().glob("*.md") if page.stem != "README")


def sender(name: str) -> Sender:
    """Raises Mistake if no page is called so."""
    known = names()
    if name not in known:
        near = nearest(name, known)
        raise Mistake(f"there is no sender {name}{f'. Did you mean {near}?' if near else ''}; --list names them all")
    text = (_folder() / f"{name}.md").read_text(encoding="utf-8")
    found = _YAML.search(text)
    if found is None:
        raise Mistake(f"the page of {name} has no source to paste")
    title = text.partition("\n")[0].removeprefix("# ")
    return Sender(name, title, found[1], _section(text, "At the sender"), _section(text, "Secret"))


def configuration(senders: Sequence[Sender], phone: str, key: str) -> str:
    """Gives a relay.yaml with these senders, one scenario, and `phone` in the place of every example."""
    blocks = [f"{_commented(one)}{textwrap.indent(_addressed(one.source, phone), '  ')}" for one in senders]
    return _HEAD.format(key=key) + "\n".join(blocks)


def _folder() -> Path:
    return _PACKAGED if _PACKAGED.is_dir() else _PROJECT


def _section(text: str, name: str) -> str:
    """Gives the paragraph of the page that begins with the name, in plain words."""
    found = re.search(rf"^\*\*{re.escape(name)}:\*\*\s+(.+?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", found[1]) if found else ""
    return " ".join(plain.replace("`", "").split())


def _commented(sender: Sender) -> str:
    told = [f"{sender.title}: {sender.at_sender}" if sender.at_sender else f"{sender.title}: see docs/senders"]
    told += [f"Secret: {sender.secret}"] if sender.secret else []
    lines = [line for text in told for line in textwrap.wrap(text, _WIDTH - 4)]
    return "".join(f"  # {line}\n" for line in lines)


def _addressed(source: str, phone: str) -> str:
    return _PHONE.sub(phone, _EMAIL.sub("", source))
