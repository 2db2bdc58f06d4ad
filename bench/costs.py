"""Computes costs from prices and measured usage.

`python -m bench.costs` prints the tables of docs/cost.md. With `--prices FILE`, it prints those for the prices of that
file, which has the form of those in `bench/prices/`.
"""

import json
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeFloat

HERE = Path(__file__).parent
USAGE: Mapping[str, Any] = json.loads((HERE / "usage.json").read_text("utf-8"))
MONTHS = (10_000, 1_000_000, 100_000_000)  # events
REGIONS = ("us-east-1", "eu-central-1")
MILLION = 1_000_000

# These are assumptions. They aren't measured, because nothing was deployed.
OMNI_MS = 150.0  # OMNI's answer
DYNAMODB_MS = 5.0  # one call
SQS_MS = 10.0  # one call
MEMORY_GB = 1.0
SHARE_OF_PROCESSOR = 1024 / 1769  # Lambda gives a whole one at 1,769 MB
LAMBDA_LOG_BYTES = 300  # START, END and REPORT of one invocation
ACCESS_LOG_BYTES = 450
SENT_BYTES = 1_500  # the request to OMNI, with its headers
INDEX_WRITES = 4  # of a message's record: by-event, by-source, by-phone and open
END_WRITES = 3  # its end, the mark that it was told, and the index `open`
REPORT_LOG_BYTES = 1_000  # its line message_report
POLLING = 3  # requests of SQS per queued event that is delivered alone: receive, delete, and the send


class Prices(BaseModel):
    """The dollars that a region asks: for a million of each plural, for one GB-second, or for one GB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    http_api_requests: NonNegativeFloat
    lambda_requests: NonNegativeFloat
    lambda_gb_second: NonNegativeFloat
    dynamodb_writes: NonNegativeFloat
    sqs_requests: NonNegativeFloat
    logs_gb: NonNegativeFloat
    x_ray_traces: NonNegativeFloat
    transfer_gb: NonNegativeFloat


@dataclass(frozen=True, slots=True)
class CostItem:
    """`usage` is the amount per event, in the unit of `price` (dollars)."""

    item: str
    usage: float
    price: float

    def cost(self, events: int) -> float:
        """Dollars a month, without free tiers and without what AWS takes off large amounts."""
        return events * self.usage * self.price


def read_prices(file: Path) -> Prices:
    """Raises `OSError`, or `ValueError` if the file isn't TOML, lacks a price or has an unknown one."""
    return Prices.model_validate(tomllib.loads(file.read_text("utf-8")))


def prices_of(region: str) -> Prices:
    """Reads the prices of one of `REGIONS`."""
    return read_prices(HERE / "prices" / f"{region}.toml")


def billed_ms(kind: str, *, sends: bool, measured: Mapping[str, Any] = USAGE) -> float:
    """The milliseconds of one invocation that Lambda bills: measured processor time, and assumed waits."""
    usage = measured[kind]
    calls = usage["calls"]
    if kind == "queued":  # without the calls of the delivery, which follows
        calls = {name: count - measured["delivery"]["calls"].get(name, 0) for name, count in calls.items()}
    waits = DYNAMODB_MS * (calls["PutItem"] + calls["UpdateItem"]) + SQS_MS * calls.get("SendMessage", 0)
    return float(usage["processor_ms"] / SHARE_OF_PROCESSOR + waits + (OMNI_MS if sends else 0))


def writes(way: str, measured: Mapping[str, Any] = USAGE) -> int:
    """The write units of one event, with those that follow its message to its end."""
    calls = measured[way]["calls"]
    return int(calls["PutItem"] + calls["UpdateItem"]) + INDEX_WRITES + END_WRITES


def lines(way: str, prices: Prices, measured: Mapping[str, Any] = USAGE) -> list[CostItem]:
    """Lists the items that one event with one message costs, `direct` or `queued`. `measured` is like `USAGE`."""
    usage, queued = measured[way], way == "queued"
    milliseconds = billed_ms(way, sends=not queued, measured=measured)
    milliseconds += billed_ms("delivery", sends=True, measured=measured) if queued else 0
    requests = 2 if queued else 1
    logged = usage["log_bytes"] + (measured["delivery"]["log_bytes"] if queued else 0)
    logged += requests * LAMBDA_LOG_BYTES + ACCESS_LOG_BYTES + REPORT_LOG_BYTES
    written = writes(way, measured)
    gb_seconds = milliseconds / 1000 * MEMORY_GB
    return [
        CostItem("API Gateway, HTTP API", 1 / MILLION, prices.http_api_requests),
        CostItem(f"Lambda, {milliseconds:.0f} ms of 1 GB, arm64", gb_seconds, prices.lambda_gb_second),
        CostItem(f"Lambda, {requests} request{'s' if queued else ''}", requests / MILLION, prices.lambda_requests),
        CostItem(f"DynamoDB, {written} writes", written / MILLION, prices.dynamodb_writes),
        *([CostItem(f"SQS, {POLLING} requests", POLLING / MILLION, prices.sqs_requests)] if queued else []),
        CostItem("SSM, standard parameters", 0, 0),
        CostItem(f"CloudWatch, {logged:,} bytes of logs", logged / 1e9, prices.logs_gb),
        CostItem(f"data to OMNI, {SENT_BYTES:,} bytes", SENT_BYTES / 1e9, prices.transfer_gb),
    ]


def table(way: str, prices: Prices) -> str:
    """A Markdown table: each item's share, then dollars a month."""
    found = lines(way, prices)
    head = ["item", "share", *(f"{events:,} events" for events in MONTHS)]
    rows = [[line.item, f"{line.cost(1) / total(found):.0%}", *map(_dollars, map(line.cost, MONTHS))] for line in found]
    rows.append([f"**{way}**", "100%", *(_dollars(events * total(found)) for events in MONTHS)])
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def total(items: Iterable[CostItem]) -> float:
    """The dollars that one event costs."""
    return sum(item.cost(1) for item in items)


def tables(prices: Prices) -> str:
    """Returns the part of docs/cost.md about a region."""
    direct, queued = (total(lines(way, prices)) for way in ("direct", "queued"))
    traced = direct + prices.x_ray_traces / MILLION
    ratios = f"""A queued event costs {queued / direct:.2f} times as much as a direct one.
If X-Ray traces every event, a direct event costs {traced / direct:.2f} times as much."""
    return "\n\n".join([f"### {prices.region}", ratios, table("direct", prices), table("queued", prices)])


def main(arguments: list[str] | None = None) -> None:
    """Prints the tables of one file, or of all `REGIONS`."""
    parser = ArgumentParser(prog="python -m bench.costs", description="Prints what an event costs, as Markdown.")
    parser.add_argument("--prices", type=Path, metavar="FILE", help="a file like those in bench/prices/")
    file = parser.parse_args(arguments).prices
    try:
        printed = [read_prices(file)] if file else [prices_of(region) for region in REGIONS]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    sys.stdout.write("\n\n".join(map(tables, printed)) + "\n")


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"


if __name__ == "__main__":
    main()
