"""Runs the functions in this process, with AWS and OMNI in memory, and keeps every line that they log.

It handles thousands of requests per second.
"""

import gc
import io
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from itertools import count
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

from aws.outbox import SqsOutbox
from configuration.parameters import parameters_of
from omni.models import OmniResponse
from sandbox import local_sns, local_tokens
from sandbox.stack.http_events import Received, http_event
from sandbox.stack.invocations import new_trace_id
from tests.support.fakes import FakeLedger, FakeOmni, FakeRecords

PREFIX = "/omni-relay/hostile"
AUTHORIZATION = "App planted-omni-key-7f3a"
ENVIRONMENT = {
    "INSTALLATION": "123456789012/eu-central-1/hostile",
    "PARAMETER_PREFIX": PREFIX,
    "TABLE_NAME": "table",
    "QUEUE_URL": "queue",
    "DEAD_LETTER_QUEUE_URL": "dead-letter-queue",
    "CONFIG_TTL_SECONDS": "300",
    "MAX_BODY_BYTES": "524288",
    "MAX_DESTINATIONS_PER_REQUEST": "100",
    "OMNI_TIMEOUT_SECONDS": "8",
    "RETRY_DELAYS": "5,15,60",
    "ACCOUNT_RETRY_DELAYS": "900,1800",
    "RECORD_TTL_SECONDS": "1296000",
    "RECORDS_TABLE_NAME": "records",
    "MESSAGE_TTL_DAYS": "30",
    "KEEP_CONTENT": "false",
    "DELIVERY_REPORTS": "push",
    "POWERTOOLS_SERVICE_NAME": "omni-relay-hostile",
    "POWERTOOLS_METRICS_NAMESPACE": "OmniRelay",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local-secret",
    "AWS_LAMBDA_FUNCTION_NAME": "WebhookFunction",
}
NO_HEADERS: Mapping[str, str] = {}
MAX_ITEM_BYTES = 400_000  # DynamoDB's limit
MAX_MESSAGE_BYTES = 1_048_576  # SQS's limit
# A request may take MAX_SECONDS of real time, and MAX_STRETCH more for each second of processor time, because a busy
# machine makes the work take longer.
MAX_SECONDS, MAX_STRETCH = 10, 20


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float  # processor time

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Context:
    """The context object that Lambda passes beside the event."""

    aws_request_id: str = "00000000-0000-4000-8000-000000000000"
    function_name: str = "WebhookFunction"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:WebhookFunction"
    log_stream_name: str = "stream"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


class Ssm:
    """Parameters in memory. `calls` counts the calls."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self.calls = 0

    def get_parameters(self, Names: list[str], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        self.calls += 1
        return {"Parameters": [{"Name": name, "Value": self.values[name]} for name in Names if name in self.values]}

    def get_paginator(self, _operation: str) -> "Ssm":
        return self

    def paginate(self, Path: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803 - as above
        self.calls += 1
        yield {"Parameters": [{"Name": n, "Value": v} for n, v in self.values.items() if n.startswith(Path)]}


class Sqs:
    """Fails for messages over 1 MiB, which SQS refuses, and for characters unknown to XML, which SQS would replace."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []

    def send_message(self, QueueUrl: str, MessageBody: str, DelaySeconds: int) -> None:  # noqa: N803 - boto3's own names
        assert len(MessageBody.encode()) <= MAX_MESSAGE_BYTES, "SQS would refuse the message for its length"
        assert not {"\ufffe", "\uffff"} & set(MessageBody), "SQS would replace a character"
        assert 0 <= DelaySeconds <= 900
        self.messages.append((QueueUrl, MessageBody))


class Ledger(FakeLedger):
    """Keeps results as JSON, within the size of a DynamoDB item."""

    def once(self, kind: str, key: str, action: Any) -> Any:
        result, duplicate = super().once(kind, key, action)
        stored = json.dumps(result)
        assert len(stored) < MAX_ITEM_BYTES, "DynamoDB would refuse the item for its length"
        return json.loads(stored), duplicate

    def register(self, _context: Any) -> None:
        """Does nothing, because claims don't expire here."""


class Omni(FakeOmni):
    """Also writes each request as JSON, as the client would."""

    def send(self, request: Any, deadline: float) -> OmniResponse:
        assert json.loads(request.to_json())
        return super().send(request, deadline)


class Sns:
    """Gives the local certificate of SNS without a network."""

    def fetch(self, _url: str) -> bytes:
        return local_sns.certificate()

    def confirm(self, _url: str) -> None:
        """Does nothing, as if the confirmation had succeeded."""


@dataclass
class Relay:
    """The handlers with AWS and OMNI in memory. `lines` gives the log lines and metrics since `forget`."""

    config: Mapping[str, Any]
    secrets: Mapping[str, Any]
    ssm: Ssm
    sqs: Sqs = field(default_factory=Sqs)
    ledger: Ledger = field(default_factory=Ledger)
    omni: Omni = field(default_factory=Omni)
    records: FakeRecords = field(default_factory=FakeRecords)
    output: io.StringIO = field(default_factory=io.StringIO)
    _ids: Iterator[int] = field(default_factory=count)

    def post(
        self,
        source: str,
        body: bytes,
        headers: Mapping[str, str] | list[tuple[bytes, bytes]] = NO_HEADERS,
        query: str = "",
        method: str = "POST",
    ) -> Answer:
        """Calls the webhook handler with the event that API Gateway would make from this request."""
        from handlers.webhook import handler

        pairs = headers if isinstance(headers, list) else [(k.encode(), v.encode()) for k, v in headers.items()]
        received = Received(
            method=method,
            path=f"/webhooks/{source}",
            query=query.encode("utf-8", "surrogatepass"),
            headers=pairs,
            body=body,
            client="203.0.113.7",
            protocol="HTTP/1.1",
            at=datetime.now(UTC),
            request_id=f"request-{next(self._ids)}",
            trace_id=new_trace_id(sampled=False),
        )
        event = http_event(
            received, route_key=f"{method} /webhooks/{{source}}", parameters={"source": source}, domain="local"
        )
        return self.invoke(handler, json.loads(json.dumps(event)))

    def invoke(self, handler: Any, event: Any) -> Answer:
        gc.disable()  # the heap of the tests is large, so that a collection takes longer than the handler
        # The tests limit the processor time, because a busy machine stretches the real time.
        began, worked = time.monotonic(), time.thread_time()
        try:
            with self.listening():
                result = handler(event, Context())
        finally:
            lasted, seconds = time.monotonic() - began, time.thread_time() - worked
            gc.enable()
        waits = f"the handler took {lasted:.1f} s but worked for only {seconds:.1f} s: what did it wait for?"
        assert lasted < MAX_SECONDS + MAX_STRETCH * seconds, waits
        return Answer(result["statusCode"], result["headers"], str(json.loads(json.dumps(result["body"]))), seconds)

    def listening(self) -> AbstractContextManager[Any]:
        """Captures standard output, where the metrics are printed."""
        return redirect_stdout(self.output)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.getvalue().splitlines()]

    def forget(self) -> None:
        """Empties the ledger, the queue, OMNI and the log. The cached configuration stays."""
        self.output.seek(0)
        self.output.truncate()
        self.ledger.results.clear()
        self.sqs.messages.clear()
        self.omni.requests.clear()
        self.omni.accepted.clear()


def url_of(source: str) -> str:
    return f"/webhooks/{quote(source, safe='')}"


@contextmanager
def relay(config: Mapping[str, Any], secrets: Mapping[str, Any]) -> Iterator[Relay]:
    """Composes the handlers over memory. Empties the caches that they fill, before and after."""
    parameters = parameters_of(
        dict(config), dict(secrets), PREFIX, omni_base_url="https://omni.invalid", omni_authorization=AUTHORIZATION
    )
    made = Relay(config, secrets, Ssm({parameter.name: parameter.value for parameter in parameters}))
    with patch.dict(os.environ, ENVIRONMENT):
        from aws import clients
        from handlers import composition

        # A test without tracing must not be the first to import it, because its lines would count as not covered.
        import_module("handlers.webhook")
        handler: Any = composition.telemetry().logger.registered_handler
        around = handler.setStream(made.output)
        parts = (composition.environment, composition.configuration)
        for part in parts:
            part.cache_clear()
        outbox = SqsOutbox(made.sqs, ENVIRONMENT["QUEUE_URL"], ENVIRONMENT["DEAD_LETTER_QUEUE_URL"])  # type: ignore[arg-type]  # has the methods that the outbox uses
        with (
            patch.object(clients, "ssm", lambda: made.ssm),
            patch.object(composition, "ledger", lambda: made.ledger),
            patch.object(composition, "outbox", lambda: outbox),
            patch.object(composition, "omni", lambda: made.omni),
            patch.object(composition, "records", lambda: made.records),
            patch.object(composition, "sns", Sns),
            patch.object(composition, "key_sets", lambda: local_tokens),
        ):
            yield made
        handler.setStream(around)  # another relay's, if this one stood within it
        for part in parts:
            part.cache_clear()
