"""docs/operations.md shows what the command really prints, from the first push to a schedule."""

import re
import shlex
from collections.abc import Iterator

from sandbox.stack.settings import PROJECT
from tests.integration.cli.conftest import Command

CONFIG = """\
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
        text: "{{ body.project }}: build {{ body.id }} failed"
"""
SCHEDULES = """\
schedules:
  morning:
    cron: 0 8 ? * MON-FRI *
    zone: Europe/Zurich
    notification: {scenario: incident, to: [{phone: "+41 79 302 67 27"}], text: You are on call today}
"""
# The state of relay.yaml in each section. The sections are one story, in this order.
SECTIONS = {
    "Is the file right?": CONFIG.replace("==", "=").replace("scenario: incident", "senario: incident"),
    "Change a text": CONFIG.replace("} failed", "} has failed"),
    "What changed, and by whom?": CONFIG,
    "Roll back": CONFIG,
    "Rotate a secret": CONFIG,
    "Send at fixed times": CONFIG + SCHEDULES,
}
CHANGING = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d\+00:00)?", "<time>"),
    (r"sender: [\w-]{43}$", "sender: <secret>"),
    (r"[ ]+$", ""),
)


def shown(section: str) -> Iterator[tuple[str, list[str]]]:
    """Gives each command of the section's blocks, and the lines that the page shows for it."""
    page = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    text = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ omni-relay ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def masked(lines: list[str]) -> list[str]:
    for pattern, mask in CHANGING:
        lines = [re.sub(pattern, mask, line) for line in lines]
    return lines


def test_each_command_of_the_page_prints_what_the_page_shows(omni_relay: Command) -> None:
    folder = omni_relay.folder
    (folder / "relay.yaml").write_text(CONFIG)
    (folder / "secrets.yaml").write_text("sources: {ci: ci-secret}\n")
    first = (
        "push",
        "--yes",
        "--secrets",
        "secrets.yaml",
        "--omni-base-url",
        "https://api.infobip.com",
        "-m",
        "the first",
    )
    assert omni_relay(*first, OMNI_AUTHORIZATION="App key").code == 0
    for section, config in SECTIONS.items():
        (folder / "relay.yaml").write_text(config)
        if section == "Send at fixed times":
            assert omni_relay("push", "--yes").code == 0
        commands = list(shown(section))
        assert commands, section
        for command, lines in commands:
            run = omni_relay(*shlex.split(command))
            assert masked(run.out.splitlines()) == masked(lines), (command, run.err)
