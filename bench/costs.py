"""Computes costs: `python -m bench.costs` prints the tables of docs/cost.md from prices and measured usage."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USAGE: Mapping[str, Any] = json.loads(Path(__file__).with_name("usage.json").read_text("utf-8"))
MONTHS = (10_000, 1_000_000, 100_000_000)  # events

# us-east-1, in dollars. docs/cost.md names the page and the date of each.
HTTP_API, HTTP_API_FROM, HTTP_API_LATER = 1.00e-6, 300_000_000, 0.90e-6
LAMBDA_REQUEST = 0.20e-6
LAMBDA_GB_SECOND = 0.0000133334  # arm64, first tier
DYNAMODB_WRITE = 0.625e-6  # a unit is 1 KB
SQS_REQUEST = 0.40e-6
LOGS_GB = 0.50
X_RAY_TRACE = 5.00e-6
TRANSFER_GB = 0.09

# These are assumptions. They aren't measured, because nothing was deployed.
OMNI_MS = 150.0  # OMNI's answer
DYNAMODB_MS = 5.0  # one call
SQS_MS = 10.0  # one call
MEMORY_GB = 1.0
SHARE_OF_PROCESSOR = 1024 / 1769  # Lambda gives a whole one at 1,769 MB
LAMBDA_LOG_BYTES = 300  # START, END and REPORT of one invocation
ACCESS_LOG_BYTES = 450
SENT_BYTES = 1_500  # the request to OMNI, with its headers
POLLING = 3  # requests of SQS per queued event that is delivered alone: receive, delete, and the send


@dataclass(frozen=True, slots=True)
class CostItem:
    """`usage` is the amount per event, in the unit of `price` (dollars)."""

    item: str
    usage: float
    price: float

    def cost(self, events: int) -> float:
        """Dollars a month, without free tiers."""
        if self.price == HTTP_API and events > HTTP_API_FROM:
            return HTTP_API_FROM * HTTP_API + (events - HTTP_API_FROM) * HTTP_API_LATER
        return events * self.usage * self.price


def billed_ms(kind: str, *, sends: bool) -> float:
    """The milliseconds of one invocation that Lambda bills: measured processor time, and assumed waits."""
    usage = USAGE[kind]
    calls = usage["calls"]
    if kind == "queued":  # without the calls of the delivery, which follows
        calls = {name: count - USAGE["delivery"]["calls"].get(name, 0) for name, count in calls.items()}
    waits = DYNAMODB_MS * (calls["PutItem"] + calls["UpdateItem"]) + SQS_MS * calls.get("SendMessage", 0)
    return float(usage["processor_ms"] / SHARE_OF_PROCESSOR + waits + (OMNI_MS if sends else 0))


def lines(way: str) -> list[CostItem]:
    """Lists the items that one event with one message costs, `direct` or `queued`."""
    usage, queued = USAGE[way], way == "queued"
    milliseconds = billed_ms(way, sends=not queued) + (billed_ms("delivery", sends=True) if queued else 0)
    invocations = 2 if queued else 1
    logged = usage["log_bytes"] + (USAGE["delivery"]["log_bytes"] if queued else 0)
    logged += invocations * LAMBDA_LOG_BYTES + ACCESS_LOG_BYTES
    writes = usage["calls"]["PutItem"] + usage["calls"]["UpdateItem"]
    return [
        CostItem("API Gateway, HTTP API", 1, HTTP_API),
        CostItem(f"Lambda, {milliseconds:.0f} ms of 1 GB, arm64", milliseconds / 1000 * MEMORY_GB, LAMBDA_GB_SECOND),
        CostItem(f"Lambda, {invocations} requests" if queued else "Lambda, 1 request", invocations, LAMBDA_REQUEST),
        CostItem(f"DynamoDB, {writes} writes", writes, DYNAMODB_WRITE),
        *([CostItem(f"SQS, {POLLING} requests", POLLING, SQS_REQUEST)] if queued else []),
        CostItem("SSM, standard parameters", 0, 0),
        CostItem(f"CloudWatch, {logged:,} bytes of logs", logged / 1e9, LOGS_GB),
        CostItem(f"data to OMNI, {SENT_BYTES:,} bytes", SENT_BYTES / 1e9, TRANSFER_GB),
    ]


def table(way: str) -> str:
    """A Markdown table: each item's share, then dollars a month."""
    found = lines(way)
    total = sum(line.cost(1_000_000) for line in found)
    head = ["item", "share", *(f"{events:,} events" for events in MONTHS)]
    rows = [
        [line.item, f"{line.cost(1_000_000) / total:.0%}", *map(_dollars, map(line.cost, MONTHS))] for line in found
    ]
    sums = [_dollars(sum(line.cost(events) for line in found)) for events in MONTHS]
    rows.append([f"**{way}**", "100%", *sums])
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def tables() -> str:
    """The part of docs/cost.md that this script makes."""
    ratio = sum(line.cost(1) for line in lines("queued")) / sum(line.cost(1) for line in lines("direct"))
    plain = sum(line.cost(1) for line in lines("direct"))
    traced = plain + X_RAY_TRACE
    ratios = f"""A queued event costs {ratio:.2f} times as much as a direct one.
If X-Ray traces every event, a direct event costs {traced / plain:.2f} times as much."""
    return "\n\n".join([ratios, table("direct"), table("queued")])


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"


if __name__ == "__main__":
    sys.stdout.write(f"{tables()}\n")
