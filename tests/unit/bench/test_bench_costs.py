"""docs/cost.md says what bench/costs.py computes, and a reader can compute it for another region."""

import re
from pathlib import Path

import pytest

from bench.costs import MONTHS, REGIONS, billed_ms, lines, main, prices_of
from sandbox.stack.settings import PROJECT

COST = (PROJECT / "docs" / "cost.md").read_text("utf-8")
PRICES = PROJECT / "bench" / "prices"


def test_the_page_has_the_tables_that_the_script_makes(capsys: pytest.CaptureFixture[str]):
    made = COST.partition("<!-- made by bench/costs.py -->\n")[2].partition("<!-- end -->")[0]
    main([])
    assert made == capsys.readouterr().out, "run `python -m bench.costs`, and put its output into docs/cost.md"


def test_the_page_says_where_each_price_of_each_region_stands():
    rows = re.findall(r"^\| `(\w+)`[^|]* \| \$([\d.]+)[^|]* \| \$([\d.]+)[^|]* \|", COST, re.MULTILINE)
    for number, region in enumerate(REGIONS, start=1):
        named = {row[0]: float(row[number]) for row in rows}
        assert named == prices_of(region).model_dump(exclude={"region"})


@pytest.mark.parametrize("region", REGIONS)
def test_what_is_queued_costs_more_than_what_is_direct(region: str):
    for events in MONTHS:
        direct, queued = (
            sum(line.cost(events) for line in lines(way, prices_of(region))) for way in ("direct", "queued")
        )
        assert direct < queued < 2 * direct


@pytest.mark.parametrize("region", REGIONS)
def test_the_page_names_what_costs_most(region: str):
    costs = {line.item: line.cost(1) for line in lines("direct", prices_of(region))}
    most = sum(cost for item, cost in costs.items() if re.match(r"DynamoDB|Lambda, \d+ ms", item))
    assert "about eight tenths of a direct event's sum" in COST
    assert most / sum(costs.values()) == pytest.approx(0.8, abs=0.03)


def test_a_region_of_the_reader_s_own_is_computed_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "prices.toml"
    text = (PRICES / "us-east-1.toml").read_text("utf-8").replace('"us-east-1"', '"eu-west-1"')
    file.write_text(text.replace("http_api_requests = 1.00", "http_api_requests = 2.00"))
    main(["--prices", str(file)])
    printed = capsys.readouterr().out
    assert printed.startswith("### eu-west-1\n")
    assert "| $0.02 | $2.00 | $200.00 |" in printed
    assert "us-east-1" not in printed


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("sqs_requests", "sqs_request"), "sqs_request"),
        (("logs_gb = 0.50", ""), "logs_gb"),
        (("0.50", "-1"), "logs_gb"),
        (('region = "us-east-1"', "region ="), "TOML|value"),
    ],
)
def test_a_wrong_price_file_is_named_with_its_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], named: str
):
    file = tmp_path / "prices.toml"
    file.write_text((PRICES / "us-east-1.toml").read_text("utf-8").replace(*change))
    with pytest.raises(SystemExit):
        main(["--prices", str(file)])
    assert re.search(named, capsys.readouterr().err)


def test_the_page_about_scale_counts_with_the_same_times():
    page = (PROJECT / "docs" / "scale.md").read_text("utf-8").replace("\n", " ")
    direct, delivery = billed_ms("direct", sends=True), billed_ms("delivery", sends=True)
    assert f"a direct event takes {direct:.0f} ms, and a delivery {delivery:.0f} ms" in page
    assert f"`DeliveryConcurrency` 5: about {5000 / delivery:.0f} deliveries a second" in page
