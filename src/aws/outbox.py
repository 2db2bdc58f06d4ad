"""The delivery queue and the dead-letter queue in SQS."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from relay.deliver.retries import LONGEST_DELAY
from relay.model.items import Parked, QueueItem
from relay.ports import ItemTooLarge, QueueUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_MESSAGE_BYTES = 1_048_576  # the limit of SQS
_REPLACED = str.maketrans({"\ufffe": "\\ufffe", "\uffff": "\\uffff"})  # XML can't hold them, so SQS would replace them


class SqsOutbox:
    def __init__(self, client: "SQSClient", queue_url: str, dead_letter_queue_url: str) -> None:
        self._client, self._queue, self._dead_letters = client, queue_url, dead_letter_queue_url

    def enqueue(self, item: QueueItem, delay: int = 0) -> None:
        """See `relay.ports.Outbox`."""
        self._send(self._queue, item.model_dump_json(by_alias=True, exclude_none=True), min(delay, LONGEST_DELAY))

    def park(self, parked: Parked) -> None:
        """See `relay.ports.Outbox`."""
        self._send(self._dead_letters, parked.model_dump_json(by_alias=True, exclude_none=True), 0)

    def hide(self, receipt_handle: str, seconds: int) -> None:
        """Hides a received message for some seconds. Raises QueueUnavailable."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )
        except (ClientError, BotoCoreError) as problem:
            raise QueueUnavailable(type(problem).__name__) from None

    def _send(self, queue: str, content: str, delay: int) -> None:
        body = content.translate(_REPLACED)
        if len(body.encode()) > MAX_MESSAGE_BYTES:
            raise ItemTooLarge(f"{MAX_MESSAGE_BYTES} bytes at most")
        try:
            self._client.send_message(QueueUrl=queue, MessageBody=body, DelaySeconds=delay)
        except (ClientError, BotoCoreError) as problem:
            raise QueueUnavailable(type(problem).__name__) from None
