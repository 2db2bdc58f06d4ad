"""The docs say what is true: the tests that they name exist, and the limits in docs/security.md are the code's."""

import re
from inspect import signature

import pytest

from relay.deliver import routing
from relay.message import notifications
from relay.receive import webhooks as accepting
from relay.templates.templates import TemplateLimits
from relay.verification import decoding
from sandbox.stack.settings import PROJECT

PAGES = {page.name: page.read_text(encoding="utf-8") for page in (PROJECT / "docs").glob("*.md")}
TEST = re.compile(r"test_\w+\.py")
NAMED = sorted({(page, name) for page, text in PAGES.items() for name in TEST.findall(text)})
DECODING = signature(decoding.decode).parameters
LIMITS = (
    f"Headers: {accepting.MAX_HEADER_BYTES // 1024} KiB",
    f"JSON: {DECODING['max_depth'].default} levels",
    f"numbers of {DECODING['max_number_chars'].default} characters",
    f"{routing.MAX_NOTIFICATIONS} items a route",
    f"{routing.MAX_DESTINATIONS:,} recipients",
    f"{routing.MAX_SECONDS:.0f} s of processor time",
    f"a text: {TemplateLimits().output_chars:,} characters, {TemplateLimits().seconds} s",
)


@pytest.mark.parametrize(("page", "name"), NAMED)
def test_a_test_that_the_docs_name_exists(page: str, name: str) -> None:
    assert list((PROJECT / "tests").rglob(name))


def test_each_fault_alone_names_its_tests() -> None:
    section = PAGES["reliability.md"].partition("## Each fault, alone\n")[2].partition("\n## ")[0]
    _, *rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert rows
    assert [row for row in rows if not TEST.search(row)] == []


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_that_the_docs_give_is_the_code_s(limit: str) -> None:
    assert limit in PAGES["security.md"]


def test_a_notification_may_have_as_many_recipients_as_an_event() -> None:
    assert notifications.MAX_DESTINATIONS == routing.MAX_DESTINATIONS
