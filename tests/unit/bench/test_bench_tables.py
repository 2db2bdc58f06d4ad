"""The tables put ratios first, made round by round, and docs/performance.md has what they say."""

import re
from pathlib import Path
from typing import Any

import pytest

from bench import page
from bench.builds import Program
from bench.measures import KINDS
from bench.plot import plot
from bench.table import cost, ratios, spread, tables

WARM = {"direct": {"PutItem": 2, "UpdateItem": 1}, "queued": {"SendMessage": 1, "PutItem": 1, "UpdateItem": 1}}
WARM["delivery"] = WARM["direct"]


def figures(scale: float) -> dict[str, list[float]]:
    """Two rounds, the second on a machine that is half as fast."""
    base = {"init": 100.0, "first": 120.0, "after init": 20.0, "memory": 80.0, "2 KB": 4.0, "64 KB": 5.0, "512 KB": 9.0}
    return {name: [scale * value, scale * value * 2] for name, value in base.items()}


@pytest.fixture
def results() -> dict[str, Any]:
    programs = {"ours": 3.0, "floor-d": 2.0, "peer-c": 4.0}
    variants = {f"{name} {kind}": figures(scale) for name, scale in programs.items() for kind in KINDS}
    return {
        "date": "2026-11-24",
        "machine": "a machine",
        "count": 2,
        "rounds": variants
        | {"floor-b direct": figures(0.1), "peer-c-plain direct": figures(9), "ours restored": figures(0.2)},
        "sizes": dict.fromkeys((*programs, "floor-b"), (50.0, 18.0)),
        "calls": {
            name: {"cold": WARM[name.split()[1]], "warm": WARM[name.split()[1]], "connections": 2, "log_bytes": 1000}
            for name in variants
        },
        "growth": {"routes of the source": [[1, 4.0], [1000, 40.0]], "items of for_each": [[1, 8.0], [500, 2000.0]]},
        "deliveries": [[1, 6.0], [8, 40.0]],
    }


def test_a_ratio_is_made_within_a_round_so_a_slow_round_changes_none(results: dict[str, Any]):
    first, *_ = re.findall(r"^\| first answer, direct \| floor D.*$", ratios(results), re.MULTILINE)
    assert first.endswith("| **1.50** | 1.50 to 1.50 | 1.10 |")


def test_many_notifications_are_compared_with_as_many_events_of_the_floor(results: dict[str, Any]):
    # Floor D takes 8 and 16 ms for an event, so its median is 12 ms.
    assert f"| **{2000 / (500 * 12):.2f}** |" in ratios(results)


def test_the_ratios_come_first(results: dict[str, Any]):
    headings = re.findall(r"^### (.+)$", tables(results), re.MULTILINE)
    assert headings == ["Ratios", "Cold", "Warm", "Calls of AWS, cost and size", "Growth"]


def test_what_each_more_adds_is_told(results: dict[str, Any]):
    assert "| routes of the source | 1: 4.0, 1,000: 40.0 | 36 µs |" in tables(results)


def test_a_queued_event_costs_more_than_a_direct_one(results: dict[str, Any]):
    assert cost(results, "ours", "direct") < cost(results, "ours", "queued")
    assert cost(results, "floor-d", "direct") < cost(results, "ours", "direct")


def test_a_spread_is_the_median_with_the_least_and_the_most():
    assert spread([3.0, 1.0, 2.0]) == "2.0 (1.0 to 3.0)"
    assert spread([300.4, 100.0, 200.0]) == "200 (100 to 300)"


def test_what_grows_in_proportion_is_a_straight_line():
    drawn = plot("t", "x", "y", {"one": [(1, 2), (10, 20), (100, 200)]})
    [line] = re.findall(r'<polyline points="([^"]+)"', drawn)
    a, b, c = [tuple(map(float, point.split(","))) for point in line.split()]
    assert b == pytest.approx(((a[0] + c[0]) / 2, (a[1] + c[1]) / 2), abs=0.2)


def test_a_size_is_that_of_all_files_and_of_their_zip(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "zeros").write_bytes(bytes(2_000_000))
    unzipped, zipped = Program("one", tmp_path, {}).size()
    assert unzipped == 2
    assert zipped < 0.01


def test_the_page_has_what_the_results_say():
    if not page.RESULTS.exists():
        pytest.skip("nothing was measured yet")
    results = page.read()
    assert page.made(results) in page.PAGE.read_text("utf-8"), "run `python -m bench.page`"
    for name, drawn in page.plots(results).items():
        assert (page.PLOTS / name).read_text("utf-8") == drawn
