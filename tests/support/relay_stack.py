"""Drives the whole relay in the local stack, in the roles of its sender, of OMNI and of its operator."""

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import requests

from aws.records import DynamoDbRecords
from relay.model.items import Parked
from relay.model.records import Record
from sandbox.signing import sign
from tests.support.proxies import SERVICES, ProxiedStack, Reachability

SECRET = "local-reliability-secret"
PHONE = "41793026727"
OTHERS = ("41793026731", "41793026732")
SECOND = "41793026799"  # the person to whom the source `watched` goes on
FAILING, SILENT, FAILING_OVER = "41790002000", "41790001000", "41790003002"
WITHIN = 6  # seconds
BLOCKLISTED = "41790005014"
NO_CREDIT = "41790005012"
REPORTING = ("ReportFunction", "ReportPullFunction")  # the functions that tell of a message's end
_ALWAYS = 1_000_000
_PATIENCE = 40
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def _source(delivery: str, scenario: str = "incident") -> dict[str, Any]:
    """Returns a source with two routes: one to the event's phones, and one that fails if the event says `broken`."""
    return {
        "verify": "github",
        "delivery": delivery,
        "routes": {
            "all": {"scenario": scenario, "to": "body.to", "text": "{{ body.text }}"},
            "broken": {
                "when": "body.broken",
                "scenario": "incident",
                "to": [{"phone": f"+{PHONE}"}],
                "text": "{{ body.text }}: {{ body.missing.field }}",
            },
        },
    }


def _watched(delivery: str) -> dict[str, Any]:
    """Returns a source that goes on to a second person if a message is not delivered in time."""
    step = {"within": f"{WITHIN}s", "to": [{"phone": f"+{SECOND}"}], "text": "{{ body.text }}, not delivered"}
    route = {"scenario": "incident", "to": "body.to", "text": "{{ body.text }}", "unless_delivered": step}
    return {"verify": "github", "delivery": delivery, "routes": {"all": route}}


def _a_dispatch_each() -> dict[str, Any]:
    each = {"for_each": "body.to", "scenario": "incident", "to": [{"phone": "{{ item.phone }}"}]}
    return {"verify": "github", "delivery": "direct", "routes": {"each": each | {"text": "{{ body.text }}"}}}


STAMPED = {"preset": "hmac", "header": "x-signature", "signed": "{id}{body}", "id_header": "x-sent-at"}
CONFIG: Mapping[str, Any] = {
    "scenarios": dict.fromkeys(("incident", "retired"), "AD9E01A5DC7BEE2C2B828D208182A611"),
    "sources": {
        "direct": _source("direct"),
        "queued": _source("queued"),
        "watched": _watched("direct"),
        "watched-queued": _watched("queued"),
        "changing": _source("direct"),
        "retired": _source("direct", scenario="retired"),
        "many": _a_dispatch_each(),
        # Two requests in the same second have the same id, and both signatures are valid.
        "stamped": _source("direct") | {"verify": STAMPED},
        "standard": _source("direct") | {"verify": "standard-webhooks"},
    },
}
STANDARD_SECRET = "whsec_bG9jYWwtcmVsaWFiaWxpdHktc2VjcmV0"
SECRETS: Mapping[str, Any] = {"sources": dict.fromkeys(CONFIG["sources"], SECRET) | {"standard": STANDARD_SECRET}}


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as its sender has it. Tests find its messages in the sandbox by its text, because ids could be wrong."""

    id: str
    phones: tuple[str, ...] = (PHONE,)
    source: str = "direct"
    broken: bool = False

    @property
    def text(self) -> str:
        return f"event {self.id}"

    @property
    def body(self) -> bytes:
        to = [{"phone": f"+{phone}"} for phone in self.phones]
        return json.dumps({"text": self.text, "to": to, "broken": self.broken}).encode()

    def headers(self) -> dict[str, str]:
        signed = sign(self.source, "github", SECRET, self.body, event_id=self.id, now=datetime.now(UTC))
        return {"content-type": "application/json", "x-github-event": "release", **signed}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    seconds: float
    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str | None:
        return self.content.get("outcome")


class Relay:
    def __init__(self, stack: ProxiedStack) -> None:
        self.stack = stack
        self._port = int(stack.relay_url.rpartition(":")[2])
        self._sqs = stack.client("sqs")
        self._spent = 0
        self._read: dict[str, int] = {}
        self._published = 0

    # The sender's view.

    def event(self, *phones: str, **fields: Any) -> Sent:
        return Sent(uuid4().hex, phones or (PHONE,), **fields)

    def post(self, event: Sent, patience: float = _PATIENCE) -> Answer:
        """Posts the event, signed. Raises OSError or HTTPException if the connection breaks."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=patience)
        try:
            connection.request("POST", f"/webhooks/{event.source}", event.body, event.headers())
            response = connection.getresponse()
            content = json.loads(response.read() or b"{}")
            return Answer(response.status, time.monotonic() - started, content)
        finally:
            connection.close()

    @contextmanager
    def posting(self, event: Sent) -> Iterator[Future[Answer]]:
        """Posts in the background. The answer has arrived when the block ends."""
        with ThreadPoolExecutor(1) as sender:
            yield sender.submit(self.post, event)

    def settled(self, event: Sent) -> Answer | None:
        """Posts one more copy. Returns its answer, or None if the first copy is still in flight."""
        answer = self.post(event)
        return answer if answer.status != http.client.CONFLICT else None

    # OMNI's view.

    def omni_fails(self, *faults: Mapping[str, Any]) -> None:
        """Makes the next sends meet these faults, in turn. Each is `{kind, …}`, as POST /sandbox/faults takes it."""
        self._call("DELETE", "faults")
        counter = {"kind": "delay", "delayMs": 0, "count": _ALWAYS}  # delays nothing, but is counted for each send
        for fault in (*faults, counter):
            self._call("POST", "faults", fault)

    def omni_fails_at_random(self, seed: int, rate: float = 1 / 3) -> None:
        """Makes this share of the sends meet a fault of any kind, until `omni_recovers`."""
        self._call("DELETE", "faults")
        self._call("POST", "faults", {"kind": "random", "rate": rate, "seed": seed})

    def omni_recovers(self) -> None:
        """Ends all faults. The sends are still counted."""
        self.omni_fails()

    @property
    def sends(self) -> int:
        """The number of calls that reached OMNI since `clean`."""
        return int(self._call("GET", "faults")["spent"]) - self._spent

    def push_reports(self, to: str | None, content_type: str = "application/json") -> None:
        """Makes OMNI push the reports of later messages to this URL, or to none."""
        self._call("POST", "account", {"reportUrl": to, "reportContentType": content_type})

    def reports_fail(self, **shares: float) -> None:
        """Loses, delays, doubles and reorders these shares of the pushed reports."""
        self._call("POST", "faults", {"kind": "reports", **shares})

    def messages(self, event: Sent | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("GET", "messages")["messages"]
        return [message for message in found if event is None or message["text"] == event.text]

    # The operator's view.

    def parked(self) -> list[Parked]:
        """Returns the items of the dead-letter queue, and leaves them there."""
        return [Parked.model_validate_json(message["Body"]) for message in self._received("DeadLetterQueue")]

    def waiting(self, queue: str = "Queue", counts: Sequence[str] = _COUNTS) -> int:
        """Returns the number of messages in a queue: visible, hidden and delayed ones."""
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.stack.queue_url(queue), AttributeNames=["All"])
        return sum(int(attributes["Attributes"][count]) for count in counts)

    def visible(self, queue: str) -> int:
        return self.waiting(queue, _COUNTS[:1])

    def enqueue(self, *bodies: str) -> None:
        """Sends the bodies in one call, so that they make one batch."""
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        self._sqs.send_message_batch(QueueUrl=self.stack.queue_url("Queue"), Entries=entries)

    def configure(self, name: str, value: str) -> None:
        """Writes a parameter, such as `omni/base-url`. The functions read it after `ConfigTtlSeconds`."""
        self.stack.client("ssm").put_parameter(
            Name=self._parameter(name), Value=value, Type="SecureString", Overwrite=True
        )

    def unconfigure(self, name: str) -> None:
        self.stack.client("ssm").delete_parameters(Names=[self._parameter(name)])

    def change_source(self, name: str, delivery: str) -> None:
        self.configure(f"sources/{name}/settings", json.dumps({"verify": "github", "delivery": delivery}))

    def unreachable(self, *services: str, how: Reachability = Reachability.REFUSE) -> None:
        for service in services:
            self.stack.set_reachability(service, how)

    def reachable(self) -> None:
        self.unreachable(*SERVICES, how=Reachability.NORMAL)

    def lines(self, *functions: str, message: str = "message_status") -> list[dict[str, Any]]:
        """Returns the lines with this message that the functions have logged since `clean`, sorted by time."""
        return sorted(
            (line for line in self.all_lines(*functions) if line.get("message") == message),
            key=lambda line: str(line["timestamp"]),
        )

    def all_lines(self, *functions: str) -> Iterator[dict[str, Any]]:
        for function in functions or ("WebhookFunction", "DeliveryFunction"):
            yield from self.stack.log_records(function)[self._read.get(function, 0) :]

    def metrics(self, *functions: str) -> dict[str, float]:
        """Returns the sums of the metrics that the functions have counted since `clean`."""
        sums: dict[str, float] = {}
        for line in self.all_lines(*functions):
            for name in _metric_names(line):
                value = line[name]
                sums[name] = sums.get(name, 0) + (sum(value) if isinstance(value, list) else value)
        return sums

    def ends(self) -> list[dict[str, Any]]:
        """Returns the final lines `message_report` that were logged since `clean`, sorted by time."""
        lines = self.lines(*REPORTING, message="message_report")
        return [line for line in lines if line["final"]]

    def published(self) -> list[dict[str, Any]]:
        """Returns the events on the bus since `clean`, as `{time, bus, detail-type, detail}`."""
        return self.stack.bus_events[self._published :]

    def pull(self) -> None:
        """Asks OMNI's logs for all messages whose end isn't known."""
        assert self.stack.invoke("ReportPullFunction", {"at": "2026-01-01T00:00:00Z"}).error is None

    def records(self) -> dict[str, Record]:
        """Returns the records by message id."""
        table = self.stack.template.tables["RecordsTable"].name
        pages = self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=table)
        ids = [item["message_id"]["S"] for page in pages for item in page["Items"]]
        return dict(DynamoDbRecords(self.stack.client("dynamodb"), table, 86_400).get(ids))

    def clean(self) -> None:
        """Makes every service reachable and empty, as after the start."""
        self.reachable()
        self._forget()
        self._refuse_what_waits()
        self._forget()
        for message in self._received("DeadLetterQueue", hidden=600):
            self._sqs.delete_message(
                QueueUrl=self.stack.queue_url("DeadLetterQueue"), ReceiptHandle=message["ReceiptHandle"]
            )
        self._call("DELETE", "messages")
        self.omni_recovers()
        self._spent += self.sends
        self._published = len(self.stack.bus_events)
        self._read = {function: len(self.stack.log_records(function)) for function in self.stack.template.functions}

    def _forget(self) -> None:
        dynamodb = self.stack.client("dynamodb")
        for table in self.stack.template.tables.values():
            for item in dynamodb.scan(TableName=table.name)["Items"]:
                dynamodb.delete_item(TableName=table.name, Key={name: item[name] for name in table.key})

    def _refuse_what_waits(self) -> None:
        """Empties the queue by making OMNI refuse everything, because PurgeQueue is allowed only once a minute."""
        self.omni_fails({"kind": "status", "status": 400, "count": _ALWAYS})
        deadline = time.monotonic() + _PATIENCE
        while self.waiting():
            if time.monotonic() > deadline:
                raise TimeoutError("the messages of an earlier test don't leave the queue")
            time.sleep(0.05)

    def _parameter(self, name: str) -> str:
        return f"{self.stack.template.functions['WebhookFunction'].environment['PARAMETER_PREFIX']}/{name}"

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, f"{self.stack.sandbox_url}/sandbox/{path}", json=body, timeout=20)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    def _received(self, queue: str, hidden: int = 0) -> Sequence[Mapping[str, Any]]:
        """Returns all visible messages, and hides them from others for `hidden` seconds."""
        url = self.stack.queue_url(queue)
        found: list[Mapping[str, Any]] = []
        while batch := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get(
            "Messages"
        ):
            found += batch
        for message in found:
            self._sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=hidden
            )
        return found


def _metric_names(line: Mapping[str, Any]) -> Iterator[str]:
    for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
        for metric in directive["Metrics"]:
            yield metric["Name"]
