"""A stand-in for Lambda's event source mapping: polls a queue, invokes a function per batch, deletes what succeeded.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.stack.functions import LambdaFunction
from sandbox.stack.invocations import ConcurrencyExceeded, FunctionOutcome, InvocationTooLarge
from sandbox.stack.specs import REGION, MappingSpec, QueueSpec
from sandbox.tasks import cancelled

_WAIT_SECONDS = 5
_PAUSE_AFTER_FAILURE = 0.2
_SQS_LIMIT = 10  # messages per receive
SqsMessage = Mapping[str, Any]


class QueuePoller:
    """`sqs` is a boto3 client. The mapping's concurrency and the number of processes limit the batches in flight."""

    def __init__(
        self, sqs: Any, queue: QueueSpec, queue_url: str, mapping: MappingSpec, function: LambdaFunction
    ) -> None:
        self._sqs = sqs
        self._queue = queue
        self._url = queue_url
        self._mapping = mapping
        self._function = function
        limit = min(mapping.max_concurrency or len(function.workers), len(function.workers))
        self._free = asyncio.Semaphore(limit)
        self._task: asyncio.Task[None] | None = None
        self._batches: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        for task in (self._task, *self._batches):
            await cancelled(task)

    async def _poll(self) -> None:
        while True:
            await self._free.acquire()
            messages = await self._receive()
            if not messages:
                self._free.release()
                continue
            batch = asyncio.create_task(self._work_off(messages))
            self._batches.add(batch)
            batch.add_done_callback(self._batch_ended)

    def _batch_ended(self, batch: asyncio.Task[None]) -> None:
        self._batches.discard(batch)
        self._free.release()

    async def _receive(self) -> list[SqsMessage]:
        """Receives up to the batch size. Waits as long as the mapping's window for the batch to fill."""
        messages = await self._receive_once(_WAIT_SECONDS, self._mapping.batch_size)
        until = time.monotonic() + self._mapping.window
        while messages and len(messages) < self._mapping.batch_size and (left := until - time.monotonic()) > 0:
            missing = self._mapping.batch_size - len(messages)
            messages += await self._receive_once(min(_WAIT_SECONDS, max(1, int(left))), missing)
        return messages

    async def _receive_once(self, wait: int, count: int) -> list[SqsMessage]:
        try:
            answer = await asyncio.to_thread(
                self._sqs.receive_message,
                QueueUrl=self._url,
                MaxNumberOfMessages=min(count, _SQS_LIMIT),
                WaitTimeSeconds=wait,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except (BotoCoreError, ClientError):
            await asyncio.sleep(_PAUSE_AFTER_FAILURE)
            return []
        return list(answer.get("Messages", []))

    async def _work_off(self, messages: list[SqsMessage]) -> None:
        event = {"Records": [self._record(message) for message in messages]}
        try:
            outcome = await self._function.invoke(json.dumps(event).encode())
        except (ConcurrencyExceeded, InvocationTooLarge):
            return  # SQS makes the messages visible again
        failed = failed_ids(outcome, messages, reports_failures=self._mapping.reports_failures)
        await self._delete(message for message in messages if message["MessageId"] not in failed)

    def _record(self, message: SqsMessage) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {key[0].lower() + key[1:]: value for key, value in attribute.items()}
                for name, attribute in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue.arn,
            "awsRegion": REGION,
        }

    async def _delete(self, messages: Iterable[SqsMessage]) -> None:
        entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
        if entries:
            with suppress(BotoCoreError, ClientError):  # SQS delivers them again, as in AWS
                await asyncio.to_thread(self._sqs.delete_message_batch, QueueUrl=self._url, Entries=entries)


def failed_ids(outcome: FunctionOutcome, messages: list[SqsMessage], *, reports_failures: bool) -> set[str]:
    """The ids of the messages to keep. An unreadable answer or an unknown id in it fails the whole batch."""
    everything = {message["MessageId"] for message in messages}
    if outcome.error:
        return everything
    if not reports_failures:
        return set()
    try:
        answer = outcome.json() or {}
        failed = {failure["itemIdentifier"] for failure in answer.get("batchItemFailures") or []}
    except (ValueError, TypeError, KeyError, AttributeError):
        return everything
    return everything if failed - everything else failed
