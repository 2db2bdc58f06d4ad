"""Handles POST /webhooks/{source}: verifies a webhook, routes it, and answers what became of it."""

from typing import TYPE_CHECKING, Any

from handlers import composition, http
from handlers.tracing import traced
from relay.problems import PayloadTooLarge, Problem, TooManyHeaders, Unavailable, UnknownSource
from relay.receive.webhooks import receive

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from relay.ports import Configuration

_telemetry = composition.telemetry()
_BEFORE_LOOKUP = (UnknownSource, PayloadTooLarge, TooManyHeaders)


@_telemetry.metrics.log_metrics(capture_cold_start_metric=True)
@_telemetry.logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: "LambdaContext") -> http.Response:
    """Gives one of the answers that docs/openapi.yaml lists. No input gets a 500."""
    request_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
    source = (event.get("pathParameters") or {}).get("source", "")
    try:
        received = receive(
            source,
            http.inbound_request(event),
            configuration=_configuration(event),
            relayer=composition.relayer(context),
            sns=composition.sns(),
            max_body_bytes=composition.environment().max_body_bytes,
        )
        response = http.answer(received)
    except Problem as failure:
        known = None if isinstance(failure, _BEFORE_LOOKUP) else source  # the log holds no stranger's words
        _telemetry.log("info", "webhook_refused", source=known, status=failure.status, detail=failure.detail)
        response = http.problem(failure, request_id)
    except Exception:  # the boundary; nothing was acknowledged, so the sender may send it again
        _telemetry.logger.exception("webhook_failed")
        response = http.problem(Unavailable("Something unexpected happened; send it again."), request_id)
    _telemetry.count(f"Answered{response['statusCode']}")
    return response


def _configuration(event: dict[str, Any]) -> "Configuration":
    """Returns a dry run's configuration if the event asks for one, else the real one.

    API Gateway never sets this key of an event, so only a caller that may invoke the function can ask for a dry run.
    """
    configuration = composition.configuration()
    if "dryRun" not in event:
        return configuration
    from handlers.dry_run import DryRun

    return DryRun(configuration, event["dryRun"]["secret"])
