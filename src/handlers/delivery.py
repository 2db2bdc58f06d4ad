"""Consumes the delivery queue: each message is handled by itself, and a failed one goes back to the queue."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from handlers import composition
from handlers.tracing import traced
from relay.ports import QueueUnavailable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

_telemetry = composition.telemetry()
_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


class _StaysQueued(Exception):
    """Tells Powertools to leave the message on the queue."""


@_telemetry.metrics.log_metrics(capture_cold_start_metric=True)
@_telemetry.logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
    _telemetry.count("Deliveries", len(event["Records"]))
    deliverer = composition.deliverer(context)

    def deliver(record: "SQSRecord") -> None:
        receives = int(record.attributes.approximate_receive_count)
        try:
            delay = deliverer.deliver(record.body, receives)
        except Exception:  # the boundary of one message: it comes again, and the others of its batch go on
            _telemetry.logger.exception("delivery_failed")
            raise
        if delay is not None:
            _hide(record.receipt_handle, delay)
            raise _StaysQueued(f"again in {delay} s")

    return process_partial_response(event=event, record_handler=deliver, processor=_processor, context=context)


def _hide(receipt_handle: str, seconds: int) -> None:
    """Hides a message. If that fails, it comes back after the queue's own visibility timeout: later, not lost."""
    try:
        composition.outbox().hide(receipt_handle, seconds)
    except QueueUnavailable:
        _telemetry.log("warning", "backoff_not_set", delay=seconds)
