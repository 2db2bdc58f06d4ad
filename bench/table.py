"""Writes the bench's results as tables: the ratios first, then what they are made of. The goals are the issue's own."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.costs import lines, prices_of, total

Results = Mapping[str, Any]
REGION = "us-east-1"
NAMES = {
    "ours": "ours",
    "floor-d": "floor D: our libraries, the duties by hand",
    "floor-b": "floor B: standard library, no duties",
    "peer-c": "peer C: FastAPI, Mangum, httpx, boto3",
    "peer-c-plain": "peer C without bytecode",
}
_MILLION = 1_000_000


def tables(results: Results) -> str:
    """All tables as Markdown, with a heading each."""
    parts = {
        "Ratios": ratios(results),
        "Cold": cold(results),
        "Warm": warm(results),
        "Calls of AWS, cost and size": usage(results),
        "Growth": growth(results),
    }
    return "\n\n".join(f"### {heading}\n\n{table}" for heading, table in parts.items())


def ratios(results: Results) -> str:
    """Ours against each floor and peer, round by round: median, least, most, and the goal."""
    rows = [
        _ratio(results, "first answer, direct", ("ours direct", "first"), ("floor-d direct", "first"), 1.10),
        _ratio(results, "first answer, queued", ("ours queued", "first"), ("floor-d queued", "first"), 1.00),
        _ratio(results, "first answer, direct", ("ours direct", "first"), ("peer-c direct", "first"), 0.75),
        _ratio(results, "first answer, direct", ("ours direct", "first"), ("peer-c-plain direct", "first"), None),
        _ratio(results, "first event after init", ("ours direct", "after init"), ("ours direct", "2 KB"), 3),
        _ratio(results, "first event after a snapshot", ("ours restored", "first"), ("ours direct", "2 KB"), 3),
        _ratio(results, "warm, direct", ("ours direct", "2 KB"), ("floor-d direct", "2 KB"), 1.10),
        _ratio(results, "warm, queued", ("ours queued", "2 KB"), ("floor-d queued", "2 KB"), 1.10),
        _ratio(results, "warm, delivery", ("ours delivery", "2 KB"), ("floor-d delivery", "2 KB"), None),
        _ratio(results, "warm, direct, 64 KB", ("ours direct", "64 KB"), ("floor-d direct", "64 KB"), None),
        _ratio(results, "warm, direct, 512 KB", ("ours direct", "512 KB"), ("floor-d direct", "512 KB"), None),
        _ratio(results, "warm, direct", ("ours direct", "2 KB"), ("peer-c direct", "2 KB"), None),
        _notifications(results),
    ]
    return _markdown(["processor time", "against", "ratio", "rounds", "goal"], rows)


def cold(results: Results) -> str:
    """Init and first answer in milliseconds, and memory."""
    rows = []
    for name, figures in results["rounds"].items():
        if name == "ours restored":
            rows.append(["ours direct, after a snapshot", "-", spread(figures["first"]), "-"])
            continue
        memory = f"{max(figures['memory']):.0f}"
        rows.append([_called(name), spread(figures["init"]), spread(figures["first"]), memory])
    return _markdown(["program", "init, ms", "init and first answer, ms", "peak memory, MB"], rows)


def warm(results: Results) -> str:
    """The milliseconds of an event by its size, and how many a core could take in a second."""
    rows = []
    for name, figures in results["rounds"].items():
        if "2 KB" not in figures:
            continue
        sizes = [spread(figures[size]) if size in figures else "-" for size in ("2 KB", "64 KB", "512 KB")]
        rows.append([_called(name), *sizes, f"{1000 / median(figures['2 KB']):.0f}"])
    for program in ("ours", "floor-d", "peer-c"):
        both = sum(median(results["rounds"][f"{program} {kind}"]["2 KB"]) for kind in ("queued", "delivery"))
        rows.append([f"{NAMES[program]}, ingest and delivery", f"{both:.1f}", "-", "-", f"{1000 / both:.0f}"])
    return _markdown(["program", "2 KB, ms", "64 KB, ms", "512 KB, ms", "events per second and core"], rows)


def usage(results: Results) -> str:
    """The AWS calls of a first and of a warm event, what a million events cost, and what is deployed."""
    rows = []
    for name, found in results["calls"].items():
        program, _, kind = name.partition(" ")
        unzipped, zipped = results["sizes"][program]
        dollars = (
            f"${cost(results, program, kind):.2f}" if kind in {"direct", "queued"} and program != "floor-b" else "-"
        )
        row = [_called(name), _counted(found["cold"]), _counted(found["warm"]), str(found["connections"])]
        rows.append([*row, dollars, f"{unzipped:.1f} / {zipped:.1f}"])
    head = ["program", "calls, first event", "calls, warm", "connections to AWS", "a million events", "MB, zipped"]
    return _markdown(head, rows)


def cost(results: Results, program: str, way: str) -> float:
    """The dollars of a million events, by the prices and assumptions of bench/costs.py."""
    found: dict[str, Any] = {}
    for kind in ("direct", "queued", "delivery"):
        counted = results["calls"][f"{program} {kind}"]
        calls = {"PutItem": 0, "UpdateItem": 0, **counted["warm"]}
        milliseconds = median(results["rounds"][f"{program} {kind}"]["2 KB"])
        found[kind] = {"calls": calls, "log_bytes": counted["log_bytes"], "processor_ms": milliseconds}
    # bench/costs.py expects the delivery's calls within those of the queued event.
    found["queued"]["calls"] = {
        name: found["queued"]["calls"].get(name, 0) + found["delivery"]["calls"].get(name, 0)
        for name in {*found["queued"]["calls"], *found["delivery"]["calls"]}
    }
    return total(lines(way, prices_of(REGION), found)) * _MILLION


def growth(results: Results) -> str:
    """The milliseconds of a warm event against what grows, and the deliveries against concurrency."""
    rows = []
    for what, curve in results["growth"].items():
        (least, first), (most, last) = curve[0], curve[-1]
        each = (last - first) / (most - least)
        values = ", ".join(f"{count:,}: {value:.1f}" for count, value in curve)
        rows.append([what, values, f"{each * 1000:.0f} µs"])
    table = _markdown(["what grows", "milliseconds of an event", "each adds"], rows)
    reached = ", ".join(f"{count}: {rate:.0f}" for count, rate in results["deliveries"])
    return f"{table}\n\nMessages delivered a second, by deliveries at once, while OMNI takes 150 ms: {reached}."


def spread(values: Sequence[float]) -> str:
    """The median, and the least and the most."""
    digits = 0 if median(values) >= 50 else 1  # noqa: PLR2004  # of two digits, tenths say nothing
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _ratio(
    results: Results, figure: str, ours: tuple[str, str], other: tuple[str, str], goal: float | None
) -> list[str]:
    pair = [results["rounds"][name][key] for name, key in (ours, other)]
    found = [mine / theirs for mine, theirs in zip(*pair, strict=True)]
    against = "a warm event of ours" if other[0].startswith("ours") else NAMES[other[0].partition(" ")[0]]
    return [figure, against, f"**{median(found):.2f}**", f"{min(found):.2f} to {max(found):.2f}", _goal(goal)]


def _notifications(results: Results) -> list[str]:
    """Ours puts many notifications of one event into the queue. Floor D would get an event for each."""
    count, milliseconds = results["growth"]["items of for_each"][-1]
    one = median(results["rounds"]["floor-d queued"]["2 KB"])
    found = milliseconds / (count * one)
    return [f"an event with {count} notifications", f"{count} queued events of floor D", f"**{found:.2f}**", "-", "0.5"]


def _goal(goal: float | None) -> str:
    return "-" if goal is None else f"{goal:.2f}" if goal < 2 else f"{goal:.0f}"  # noqa: PLR2004  # small ratios differ in hundredths


def _called(variant: str) -> str:
    program, _, kind = variant.partition(" ")
    return f"{NAMES[program]}, {kind}"


def _counted(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in calls.items()) or "none"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])
