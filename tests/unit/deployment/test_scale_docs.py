"""docs/scale.md counts with the template's parameters and the measured calls. Every page names alarms that exist."""

import re
from typing import Any

import pytest

from bench.costs import END_WRITES, INDEX_WRITES, billed_ms, writes
from sandbox.stack.settings import PROJECT

Json = Any
SCALE = (PROJECT / "docs" / "scale.md").read_text("utf-8")
RATES = (100, 1_000, 10_000)  # events a second, one for each column
PAGES = sorted((PROJECT / "docs").rglob("*.md"))


def cells(row: str) -> list[list[int]]:
    """The numbers in each cell of the row of the table that begins so, without the first cell."""
    [line] = re.findall(rf"^\| {row}[^|]*\|(.*)\|$", SCALE, re.MULTILINE)
    return [[int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", cell)] for cell in line.split("|")]


def test_each_parameter_is_quoted_with_its_default(document: dict[str, Json]) -> None:
    quoted = re.findall(r"`(\w+)` (\d+)\b", SCALE)

    assert {name for name, _ in quoted} == {"ThrottleRate", "ThrottleBurst", "DeliveryConcurrency"}
    assert all(document["Parameters"][name]["Default"] == int(value) for name, value in quoted)


def test_the_most_deliveries_at_once_are_the_template_s(document: dict[str, Json]) -> None:
    most = document["Parameters"]["DeliveryConcurrency"]["MaxValue"]

    assert f"{most:,} is the most" in SCALE
    assert f"`DeliveryConcurrency` ends at {most:,}" in SCALE.replace("\n", " ")


@pytest.mark.parametrize("column", [1, 2])
@pytest.mark.parametrize(("row", "kind"), [("Lambda", "direct"), ("`DeliveryConcurrency`", "delivery")])
def test_as_many_run_at_once_as_the_rate_and_the_time_make(row: str, kind: str, column: int) -> None:
    needed = RATES[column] * billed_ms(kind, sends=True) / 1000

    assert needed <= cells(row)[column][0] <= 1.1 * needed + 1


def test_the_table_is_written_to_as_often_as_measured() -> None:
    of_record = 1 + INDEX_WRITES + END_WRITES
    of_ledger = writes("queued") - of_record

    for of_table in (of_record, of_ledger):
        assert [cell[0] for cell in cells("DynamoDB: 4,000")] == [of_table * rate for rate in RATES]


def test_the_queue_is_full_after_the_time_that_the_table_gives() -> None:
    [[minutes], [fewer], [seconds]] = cells("SQS")

    assert [minutes * 60, fewer * 60, seconds] == [120_000 / rate for rate in RATES]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_each_alarm_that_a_page_names_exists(document: dict[str, Json], page: Any) -> None:
    assert set(re.findall(r"`(\w+Alarm)`", page.read_text("utf-8"))) <= document["Resources"].keys()
