"""The docs are true: the tests that they name exist, and the limits in docs/security.md are those of the code."""

import re

import pytest

from relay import limits
from sandbox.stack.settings import PROJECT

PAGES = {page.name: page.read_text(encoding="utf-8") for page in (PROJECT / "docs").glob("*.md")}
TEST = re.compile(r"test_\w+\.py")
NAMED = sorted({(page, name) for page, text in PAGES.items() for name in TEST.findall(text)})
# The words in which docs/security.md gives each limit of relay/limits.py.
QUOTED = {
    "HEADER_BYTES": f"| headers | {limits.HEADER_BYTES // 1024} KiB",
    "FORM_FIELDS": f"| form | {limits.FORM_FIELDS:,} fields",
    "JSON_LEVELS": f"| JSON | {limits.JSON_LEVELS} levels",
    "NUMBER_CHARS": f"numbers of {limits.NUMBER_CHARS} characters",
    "EVENT_ID_CHARS": f"| event's id | {limits.EVENT_ID_CHARS} characters",
    "SENDER_ID_CHARS": f"{limits.SENDER_ID_CHARS} where a preset finds it",
    "REPORT_CHARS": f"a report | its texts {limits.REPORT_CHARS} characters each",
    "REPEAT_SECONDS": f"| the same body under another, unsigned id | {limits.REPEAT_SECONDS} s: one event",
    "TOKEN_CHARS": f"| JSON Web Token | {limits.TOKEN_CHARS:,} characters",
    "CHALLENGE_CHARS": f"| a challenge that is echoed | {limits.CHALLENGE_CHARS:,} characters",
    "ERRORS": f"A 422 lists at most {limits.ERRORS} fields",
    "SCHEMA_VALUES": f"more than {limits.SCHEMA_VALUES:,} values",
    "FIELDS": f"{limits.FIELDS} fields, {limits.FIELDS} channels",
    "RECIPIENTS": f"{limits.RECIPIENTS:,} recipients",
    "ADDRESS_CHARS": f"| address | {limits.ADDRESS_CHARS} characters",
    "TEXT_CHARS": f"| text, subject | {limits.TEXT_CHARS:,} characters",
    "SUBJECT_CHARS": f", {limits.SUBJECT_CHARS:,} characters",
    "CALLBACK_DATA_CHARS": f"| `callbackData`, `notifyUrl` | {limits.CALLBACK_DATA_CHARS:,} characters",
    "URL_CHARS": f", {limits.URL_CHARS:,} characters",
    "EXPRESSION_CHARS": f"| expression | {limits.EXPRESSION_CHARS:,} characters",
    "ITEMS": f"{limits.ITEMS} items a route",
    "STEPS": f"| `unless_delivered` | {limits.STEPS} steps",
    "STEP_SECONDS": f"steps of {limits.STEP_SECONDS // 3600} hours",
    "ROUTES_SECONDS": f"{limits.ROUTES_SECONDS:.0f} s of processor time",
    "TEMPLATE_CHARS": f"| template | {limits.TEMPLATE_CHARS:,} characters |",
    "TEMPLATE_ITERATIONS": f"{limits.TEMPLATE_ITERATIONS:,} iterations",
    "TEMPLATE_SECONDS": f"{limits.TEMPLATE_SECONDS} s of processor time",
    "TEMPLATE_BUILT_CHARS": f"{limits.TEMPLATE_BUILT_CHARS:,} characters on the way to its text",
    "TEMPLATE_NUMBER": f"numbers of {len(str(limits.TEMPLATE_NUMBER)) - 1} digits",
    "TEMPLATE_EXPONENT": f"exponents of {limits.TEMPLATE_EXPONENT}",
    "REPORTS": f"| pushed reports | {limits.REPORTS:,} results",
    "REPORTS_BYTES": f"{limits.REPORTS_BYTES:,} bytes",
    "LOG_LEVELS": f"| log record | {limits.LOG_LEVELS} levels",
    "LOG_NUMBER_BITS": f"integers of {limits.LOG_NUMBER_BITS} bits",
}
UNQUOTED = {
    "SLOW_ITEM_SECONDS": "it only ends a route sooner, for the reason that ROUTES_SECONDS gives",
    "ITEMS_TOLD": "it shortens a reason and refuses nothing",
    "DISPATCHES_TOLD": "it shortens a log line and refuses nothing",
    "EXPLANATION_CHARS": "it shortens a reason and refuses nothing",
}


@pytest.mark.parametrize(("page", "name"), NAMED)
def test_a_test_that_the_docs_name_exists(page: str, name: str) -> None:
    assert list((PROJECT / "tests").rglob(name))


def test_each_row_of_single_faults_names_its_tests() -> None:
    section = PAGES["reliability.md"].partition("## Each fault, alone\n")[2].partition("\n## ")[0]
    _, *rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert rows
    assert [row for row in rows if not TEST.search(row)] == []


@pytest.mark.parametrize("limit", QUOTED.values())
def test_a_limit_that_the_docs_give_is_the_code_s(limit: str) -> None:
    assert limit in PAGES["security.md"]


def test_each_limit_is_in_the_docs_or_has_a_reason_to_be_absent() -> None:
    assert {name for name in vars(limits) if name.isupper()} == QUOTED.keys() | UNQUOTED.keys()
