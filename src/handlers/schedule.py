"""Handles a schedule's firing: sends the notifications in it, or takes its event through a source's routes."""

from typing import TYPE_CHECKING, Any

from handlers import composition, http
from handlers.tracing import traced
from relay.ports import ConfigurationUnavailable
from relay.problems import InvalidBody, Problem
from relay.receive.schedules import fire, firing_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_telemetry = composition.telemetry()


class FiringFailed(Exception):
    """The firing failed. Lambda prints what a function raises, so the text of this error quotes no data."""


@_telemetry.metrics.log_metrics(capture_cold_start_metric=True)
@_telemetry.logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: Any, context: "LambdaContext") -> list[dict[str, Any]]:
    """Returns the outcome of each notification.

    If it raises, Lambda tries again, and then puts the firing into the dead-letter queue. That holds for a wrong
    payload too; the log names its wrong fields.
    """
    _telemetry.count("Firings")
    try:
        outcomes = fire(
            firing_of(event, context.aws_request_id),
            composition.now(),
            configuration=composition.configuration(),
            relayer=composition.relayer(context),
        )
    except InvalidBody as failure:
        errors = [f"{error.field}: {error.problem}" for error in failure.errors]
        raise FiringFailed(f"{failure.title}: {'; '.join(errors)}") from None
    except (Problem, ConfigurationUnavailable):
        raise
    except Exception:  # the boundary
        _telemetry.logger.exception("schedule_failed")
        raise FiringFailed("its log line says where") from None
    return [http.content(outcome) for outcome in outcomes]
