"""AWS and OMNI in other processes, which the programs call while they are measured, with a configuration each.

It also makes the events that the programs get.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from bench.builds import Program
from bench.function import Function
from configuration.parameters import Parameter, parameters_of
from sandbox import event_files
from sandbox.signing import sign
from sandbox.stack.assembly import NOWHERE
from sandbox.stack.cloud import CREDENTIALS, put_parameters
from sandbox.stack.settings import OMNI_AUTHORIZATION, Ports, StackSettings
from sandbox.stack.stack import Stack

SECRET = "whsec_YmVuY2gtc2VjcmV0LW5vdC1mb3ItcmVhbC11c2Uh"  # noqa: S105  # a fake one
SCENARIO = "AD9E01A5DC7BEE2C2B828D208182A611"
BATCH = 5  # the queue's messages that template.yaml hands to one delivery
Config = dict[str, Any]
_ROUTE = {
    "when": "body.kind == 'deploy'",
    "scenario": "incident",
    "to": [{"phone": "+41793026727"}],
    "text": "{{ body.text }} is out",
}


def config(sources: Mapping[str, Any]) -> Config:
    """relay.yaml as parsed, with these sources."""
    return {"scenarios": {"incident": SCENARIO}, "sources": dict(sources)}


def source(delivery: str = "direct", *, routes: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A source whose events have a signed id. `changes` are of its route, if it has only one."""
    return {"verify": "standard-webhooks", "delivery": delivery, "routes": routes or {"all": _ROUTE | changes}}


BASE = config({"direct": source(), "queued": source("queued")})


def webhook(name: str, content: Mapping[str, Any] | None = None, *, size: int = 2_000) -> dict[str, Any]:
    """A new event for the source `name`, as API Gateway hands it over. A filler makes the body `size` bytes long."""
    event, event_id, now = event_files.load("github-release"), str(uuid4()), datetime.now(UTC)
    body = json.dumps({"kind": "deploy", "text": f"release {event_id}", "log": []} | dict(content or {}))
    line = {"level": "info", "line": "the quick brown fox jumps over the lazy dog", "at": 1760000000}
    lines = max(0, (size - len(body)) // (len(json.dumps(line)) + 2))
    body = body.replace('"log": []', f'"log": {json.dumps([line] * lines)}')
    signed = sign(name, "standard-webhooks", SECRET, body.encode(), event_id=event_id, now=now)
    event["requestContext"]["timeEpoch"] = round(now.timestamp() * 1000)
    event["requestContext"]["http"]["path"] = f"/webhooks/{name}"
    path = {"rawPath": f"/webhooks/{name}", "pathParameters": {"source": name}}
    headers = event["headers"] | signed | {"content-length": str(len(body))}
    return event | path | {"headers": headers, "body": body, "isBase64Encoded": False}


@dataclass(frozen=True, slots=True)
class Scene:
    """`python` runs the programs."""

    stack: Stack
    python: Path

    def configure(self, prefix: str, configuration: Config, only: Sequence[str] = ()) -> None:
        """Writes a configuration to SSM under `prefix`. Of the sources, it writes only these, if any are named."""
        secrets = {"sources": dict.fromkeys(configuration["sources"], SECRET)}
        found = parameters_of(configuration, secrets, prefix, omni_authorization=OMNI_AUTHORIZATION)
        wanted = [p for p in found if not only or not _source_of(p, prefix) or _source_of(p, prefix) in only]
        account = Parameter(f"{prefix}/omni/base-url", "String", self.stack.sandbox_url)
        put_parameters(self.stack.aws_url, [account, *wanted])

    def function(
        self,
        program: Program,
        kind: str,
        *,
        prefix: str = "/bench/base",
        aws_url: str | None = None,
        snapshot: bool = False,
    ) -> Function:
        """A process that takes events of this kind. Each program has a queue of its own."""
        environment = dict(self.stack.template.functions["WebhookFunction"].environment)
        environment |= CREDENTIALS | {
            "AWS_ENDPOINT_URL": aws_url or self.stack.aws_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "HTTPS_PROXY": NOWHERE,
            "PARAMETER_PREFIX": prefix,
            "QUEUE_URL": self.queue(program),
        }
        return Function(self.python, program.folder, program.handlers[kind], environment, snapshot=snapshot)

    def queue(self, program: Program) -> str:
        """The URL of the program's queue, which nobody else reads."""
        return str(self.stack.client("sqs").create_queue(QueueName=f"bench-{program.name}")["QueueUrl"])

    def events(self, program: Program, kind: str, size: int) -> Iterator[dict[str, Any]]:
        """Gives new events for ever. Those of a delivery are batches that the program itself has queued before."""
        while kind != "delivery":
            yield webhook(kind, size=size)
        with self.function(program, "queued") as ingest:
            while True:
                for _ in range(BATCH):
                    checked(ingest.invoke(webhook("queued", size=size))[0])
                yield {"Records": self.received(program)}

    def received(self, program: Program) -> list[dict[str, Any]]:
        """Takes all messages out of the program's queue, up to ten, as the records of an invocation."""
        sqs, url = self.stack.client("sqs"), self.queue(program)
        [sample] = event_files.load("delivery")["Records"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [sample | {"messageId": m["MessageId"], "body": m["Body"]} for m in messages]

    def empty(self, program: Program) -> None:
        """Empties the program's queue by making it anew."""
        self.stack.client("sqs").delete_queue(QueueUrl=self.queue(program))


@contextmanager
def scene(python: Path) -> Iterator[Scene]:
    """Starts AWS and OMNI. The stack's own functions get no events."""
    with TemporaryDirectory() as folder:
        settings = StackSettings(config=BASE, ports=Ports.free(), logs=Path(folder), processes=1)
        with Stack(settings) as stack:
            made = Scene(stack, python)
            made.configure("/bench/base", BASE)
            yield made


def checked(answer: Any) -> Any:
    """Returns the answer of a function that did its duty. Raises RuntimeError for any other."""
    if answer.get("batchItemFailures") or answer.get("statusCode", 200) not in {200, 202}:
        raise RuntimeError(f"a function failed: {answer}")
    return answer


def _source_of(parameter: Parameter, prefix: str) -> str:
    """The name of the source that the parameter belongs to, or nothing."""
    kind, _, rest = parameter.name.removeprefix(f"{prefix}/").partition("/")
    return rest.partition("/")[0] if kind == "sources" else ""
