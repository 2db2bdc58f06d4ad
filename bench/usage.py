"""Measures what one event uses, in the local stack: `python -m bench.usage` writes bench/usage.json.

A proxy between the functions and AWS counts the calls. Waits for the local stand-ins say nothing about AWS,
so only processor time is measured. It depends on the machine, so the file names the machine.
"""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from bench.counting import Counted, counting
from sandbox import event_files
from sandbox.signing import sign
from sandbox.stack.settings import Ports, StackSettings
from sandbox.stack.stack import Stack

USAGE = Path(__file__).with_name("usage.json")
RUNS, WARM_UP = 100, 10
FAKE = "local-bench-secret"
_ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "{{ body.text }}"}
CONFIG: dict[str, dict[str, Any]] = {
    "scenarios": {"incident": "AD9E01A5DC7BEE2C2B828D208182A611"},
    "sources": {way: {"verify": "github", "delivery": way, "routes": {"all": _ROUTE}} for way in ("direct", "queued")},
}


def webhook(way: str) -> dict[str, Any]:
    """A new GitHub event for the source `direct` or `queued`."""
    event, body = event_files.load("github-release"), json.dumps({"text": f"deployed {uuid4()}"}).encode()
    headers = sign(way, "github", FAKE, body, event_id=str(uuid4()), now=datetime.now(UTC))
    path = {"rawPath": f"/webhooks/{way}", "pathParameters": {"source": way}}
    return event | path | {"headers": event["headers"] | headers, "body": body.decode(), "isBase64Encoded": False}


def delivery(_: str) -> dict[str, Any]:
    """A new dispatch, as the queue hands it over."""
    event = event_files.load("delivery")
    [record] = event["Records"]
    item = json.loads(record["body"])
    item["dispatch"] |= {"id": str(uuid4())}
    item["dispatch"]["messages"][0]["message_id"] = str(uuid4())
    return {"Records": [record | {"body": json.dumps(item)}]}


def measure(stack: Stack, counted: Counted, function: str, make: Callable[[str], Any], way: str) -> dict[str, Any]:
    """Invokes a function with new events, one at a time. Processor time is in milliseconds per invocation."""
    for run in range(WARM_UP + RUNS):
        if run == WARM_UP:
            counted.calls.clear()
            logged, used = stack.log_path(function).stat().st_size, processor_time(stack.pids(function))
        outcome = stack.invoke(function, make(way))
        if outcome.error:
            raise RuntimeError(outcome.payload)
    used = processor_time(stack.pids(function)) - used
    grown = stack.log_path(function).stat().st_size - logged
    calls = {name: round(count / RUNS) for name, count in sorted(counted.calls.items())}
    # A call made in fewer than half of the runs is the circuit breaker's read of its state, so it is left out.
    calls = {name: count for name, count in calls.items() if count}
    return {"calls": calls, "log_bytes": round(grown / RUNS), "processor_ms": round(used * 1000 / RUNS, 1)}


def processor_time(pids: Sequence[int]) -> float:
    """The seconds of processor time that these processes have used (Linux only)."""
    fields = [Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split() for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")


def measured() -> Mapping[str, Any]:
    """Measures what one event uses. The calls of `queued` include the delivery's, which goes on meanwhile."""
    with TemporaryDirectory() as folder, counting() as counted:
        secrets = {"sources": dict.fromkeys(CONFIG["sources"], FAKE)}
        settings = StackSettings(
            config=CONFIG,
            secrets=secrets,
            ports=Ports.free(),
            logs=Path(folder),
            processes=1,
            environment={"AWS_ENDPOINT_URL": counted.url},
            template_parameters={"DeliveryReports": "off"},  # reports come at any time; costs.py adds what an end takes
        )
        stack = Stack(settings)
        counted.port = int(stack.aws_url.rpartition(":")[2])
        with stack:
            usage = {
                "direct": measure(stack, counted, "WebhookFunction", webhook, "direct"),
                "delivery": measure(stack, counted, "DeliveryFunction", delivery, ""),
            }
            usage["queued"] = measure(stack, counted, "WebhookFunction", webhook, "queued")
    return {"machine": f"{processor()}, Python {platform.python_version()}", "runs": RUNS, **usage}


def processor() -> str:
    """The processor's name, as Linux knows it."""
    lines = Path("/proc/cpuinfo").read_text("ascii").splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))


if __name__ == "__main__":
    USAGE.write_text(json.dumps(measured(), indent=2) + "\n", encoding="utf-8")
