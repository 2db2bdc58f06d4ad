"""Handles POST /reports/{token}: takes the reports that OMNI pushes, and answers 200 after all are recorded."""

import hmac
import json
from typing import TYPE_CHECKING, Any

from handlers import composition, http
from handlers.tracing import traced
from relay.follow.pushing import reports_in
from relay.ports import BusUnavailable, ConfigurationUnavailable, NoTimeLeft, QueueUnavailable, RecordsUnavailable
from relay.problems import NotAuthenticated, Problem, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from relay.follow.reports import Heard

_telemetry = composition.telemetry()
_AGAIN = "Not everything was recorded; push it again."


@_telemetry.metrics.log_metrics(capture_cold_start_metric=True)
@_telemetry.logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: "LambdaContext") -> http.Response:
    """Gives one of the answers that docs/openapi.yaml lists. No body gets a 5xx because of what is in it."""
    request_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
    try:
        response = _received(event, context)
    except Problem as problem:
        response = _refused(problem, request_id)
    except Exception:  # the boundary; OMNI pushes again
        _telemetry.logger.exception("report_failed")
        response = _refused(Unavailable(_AGAIN), request_id)
    finally:
        _telemetry.flush_reports()
    return response


def _received(event: dict[str, Any], context: "LambdaContext") -> http.Response:
    composition.refresh_connections()
    try:
        _authenticate((event.get("pathParameters") or {}).get("token", ""))
        heard = reports_in(http.body(event), _telemetry)
        _hear(heard, context)
    except (ConfigurationUnavailable, RecordsUnavailable, QueueUnavailable, NoTimeLeft) as failure:
        _telemetry.log("warning", "reports_not_recorded", cause=type(failure).__name__)
        raise Unavailable(_AGAIN) from None
    _telemetry.count("ReportsPushed", len(heard))
    content = json.dumps({"recorded": len(heard)})
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": content}


def _hear(heard: "Sequence[Heard]", context: "LambdaContext") -> None:
    try:
        composition.listener(context).hear(heard)
    except BusUnavailable:  # all ends are recorded, and the pull tells of them later
        _telemetry.log("warning", "bus_unavailable")


def _authenticate(token: str) -> None:
    """Compares with each token in full, so that the time tells nothing of them. Raises NotAuthenticated."""
    given = token.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, known.encode()) for known in composition.report_tokens()]
    if not any(matches):
        raise NotAuthenticated("The token in the URL is not this relay's.")


def _refused(problem: Problem, request_id: str) -> http.Response:
    response = http.problem(problem, request_id)
    _telemetry.count(f"ReportsAnswered{response['statusCode']}")
    return response
