"""Measures what one event uses, in the local stack: `python -m bench.usage` writes bench/usage.json.

A proxy between the functions and AWS counts the calls. Waits for the local stand-ins say nothing about AWS,
so only processor time is measured. It depends on the machine, so the file names the machine.
"""

import http.client
import json
import os
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, ClassVar
from uuid import uuid4

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


class _Counting(BaseHTTPRequestHandler):
    """Passes a call on to AWS, and counts it by its name, such as `DynamoDB_20120810.PutItem`."""

    protocol_version = "HTTP/1.1"
    calls: ClassVar[Counter[str]] = Counter()
    port = 0

    def do_POST(self) -> None:
        """Forwards one call."""
        type(self).calls[self.headers["X-Amz-Target"]] += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "connection", "transfer-encoding", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


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


def measure(stack: Stack, function: str, make: Callable[[str], Any], way: str) -> dict[str, Any]:
    """Invokes a function with new events, one at a time. Processor time is in milliseconds per invocation."""
    for run in range(WARM_UP + RUNS):
        if run == WARM_UP:
            _Counting.calls.clear()
            logged, used = stack.log_path(function).stat().st_size, processor_time(stack.pids(function))
        outcome = stack.invoke(function, make(way))
        if outcome.error:
            raise RuntimeError(outcome.payload)
    used = processor_time(stack.pids(function)) - used
    grown = stack.log_path(function).stat().st_size - logged
    calls = {name.rpartition(".")[2]: round(count / RUNS) for name, count in sorted(_Counting.calls.items())}
    # A call made in fewer than half of the runs is the circuit breaker's read of its state, so it is left out.
    calls = {name: count for name, count in calls.items() if count}
    return {"calls": calls, "log_bytes": round(grown / RUNS), "processor_ms": round(used * 1000 / RUNS, 1)}


def processor_time(pids: Sequence[int]) -> float:
    """The seconds of processor time that these processes have used (Linux only)."""
    fields = [Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split() for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")


def measured() -> Mapping[str, Any]:
    """Measures what one event uses. The calls of `queued` include the delivery's, which goes on meanwhile."""
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Counting)
    Thread(target=proxy.serve_forever, daemon=True).start()
    with TemporaryDirectory() as folder:
        secrets = {"sources": dict.fromkeys(CONFIG["sources"], FAKE)}
        settings = StackSettings(
            config=CONFIG,
            secrets=secrets,
            ports=Ports.free(),
            logs=Path(folder),
            processes=1,
            environment={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.server_port}"},
        )
        stack = Stack(settings)
        _Counting.port = int(stack.aws_url.rpartition(":")[2])
        with stack:
            usage = {
                "direct": measure(stack, "WebhookFunction", webhook, "direct"),
                "delivery": measure(stack, "DeliveryFunction", delivery, ""),
            }
            usage["queued"] = measure(stack, "WebhookFunction", webhook, "queued")
    proxy.shutdown()
    return {"machine": f"{processor()}, Python {platform.python_version()}", "runs": RUNS, **usage}


def processor() -> str:
    """The processor's name, as Linux knows it."""
    lines = Path("/proc/cpuinfo").read_text("ascii").splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))


if __name__ == "__main__":
    USAGE.write_text(json.dumps(measured(), indent=2) + "\n", encoding="utf-8")
