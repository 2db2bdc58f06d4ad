"""docs/cost.md says what bench/costs.py computes."""

from bench.costs import MONTHS, billed_ms, lines, tables
from sandbox.stack.settings import PROJECT


def test_the_page_has_the_tables_that_the_script_makes():
    page = (PROJECT / "docs" / "cost.md").read_text("utf-8")
    made = page.partition("<!-- made by bench/costs.py -->\n")[2].partition("\n<!-- end -->")[0]
    assert made == tables(), "run `python -m bench.costs`, and put its output into docs/cost.md"


def test_what_is_queued_costs_more_than_what_is_direct():
    for events in MONTHS:
        direct, queued = (sum(line.cost(events) for line in lines(way)) for way in ("direct", "queued"))
        assert direct < queued < 2 * direct


def test_the_api_gets_cheaper_beyond_its_first_tier():
    [api, *_] = lines("direct")
    assert api.cost(400_000_000) == 300 + 90


def test_the_page_about_scale_counts_with_the_same_times():
    page = (PROJECT / "docs" / "scale.md").read_text("utf-8").replace("\n", " ")
    direct, delivery = billed_ms("direct", sends=True), billed_ms("delivery", sends=True)
    assert f"a direct event takes {direct:.0f} ms, and a delivery {delivery:.0f} ms" in page
    assert f"`DeliveryConcurrency` 5: about {5000 / delivery:.0f} deliveries a second" in page
