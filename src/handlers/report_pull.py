"""Asks OMNI's logs, by a schedule, what became of the messages whose end is not known."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from handlers import composition
from handlers.tracing import traced
from relay.ports import BusUnavailable, QueueUnavailable, RecordsUnavailable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_telemetry = composition.telemetry()


@_telemetry.metrics.log_metrics(capture_cold_start_metric=True)
@_telemetry.logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: Any, context: "LambdaContext") -> None:
    """Takes `{"at": …}`, the time for which the run was scheduled. A failed run is not repeated."""
    composition.refresh_connections()
    try:
        asked = composition.puller(context).pull(_scheduled_at(event))
    except (RecordsUnavailable, QueueUnavailable, BusUnavailable) as failure:
        _telemetry.count("PullsFailed")
        _telemetry.log("warning", "pull_cut_short", cause=type(failure).__name__)
    else:
        _telemetry.count("MessagesAsked", asked)
        _telemetry.count("MessagesDelivered", 0)  # an alarm compares the two, also where nothing is delivered
    finally:
        _telemetry.flush_reports()


def _scheduled_at(event: Any) -> datetime:
    """Returns the scheduled time, which is a whole minute. Runs that start late are still told apart by it."""
    try:
        at = datetime.fromisoformat(event["at"])
    except (KeyError, TypeError, ValueError):
        return composition.now()
    return at if at.tzinfo else composition.now()
