"""docs/security.md says what is true: the tests that it names exist, and the limits that it gives are the code's."""

import re
from inspect import signature

import pytest

from relay import accepting, decoding, notifications, routing
from relay.templates import TemplateLimits
from sandbox.stack.settings import PROJECT

NOTES = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
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


@pytest.mark.parametrize("name", sorted(set(re.findall(r"test_\w+\.py", NOTES))))
def test_a_test_that_the_notes_name_exists(name: str) -> None:
    assert list((PROJECT / "tests").rglob(name))


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_that_the_notes_give_is_the_code_s(limit: str) -> None:
    assert limit in NOTES


def test_a_notification_may_have_as_many_recipients_as_an_event() -> None:
    assert notifications.MAX_DESTINATIONS == routing.MAX_DESTINATIONS
