"""Handles /webhooks/{source}: verifies a webhook, routes it, and answers what became of it, or sets the webhook up."""

import re
from time import perf_counter
from typing import TYPE_CHECKING, Any

from handlers import composition, http
from handlers.tracing import traced
from relay.configure.sources import SOURCE_NAME
from relay.deliver.outcomes import Outcome, event_line
from relay.problems import Problem, Unavailable
from relay.receive.webhooks import receive

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from relay.ports import Configuration
    from relay.receive.handshakes import Answer

_telemetry = composition.telemetry()
_TOLD_OF_A_NAME = 40  # characters


@_telemetry.metrics.log_metrics(capture_cold_start_metric=True)
@_telemetry.logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: "LambdaContext") -> http.Response:
    """Gives one of the answers that docs/openapi.yaml lists, and logs one line. No input gets a 500."""
    began = perf_counter()
    request_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
    name = (event.get("pathParameters") or {}).get("source", "")
    outcome = Outcome()
    result = _result(name, event, context, outcome)
    refusal = result if isinstance(result, Problem) else None
    response = http.problem(result, request_id) if isinstance(result, Problem) else http.answer(result)
    _telemetry.count(f"Answered{response['statusCode']}")
    about = {"http_status": response["statusCode"], "request_id": request_id}
    if not outcome.source:
        about["name_in_url"] = _told(name)
    _telemetry.event_received(event_line(outcome, (perf_counter() - began) * 1000, refusal) | about)
    return response


def _result(
    name: str, event: dict[str, Any], context: "LambdaContext", outcome: Outcome
) -> "Outcome | Answer | Problem":
    """Returns what became of the webhook, the answer to a handshake, or why it isn't taken."""
    try:
        return receive(
            name,
            http.inbound_request(event),
            outcome,
            configuration=_configuration(event),
            relayer=composition.relayer(context),
            sns=composition.sns(),
            key_sets=composition.key_sets(),
            max_body_bytes=composition.environment().max_body_bytes,
        )
    except Problem as failure:
        return failure
    except Exception:  # the boundary; nothing was acknowledged, so the sender may send it again
        _telemetry.logger.exception("webhook_failed")
        return Unavailable("Something unexpected happened; send it again.")


def _told(name: str) -> str | None:
    """Returns what the log may show of a name that is no source's, so that a slip in a URL is found."""
    return name[:_TOLD_OF_A_NAME] if re.fullmatch(SOURCE_NAME, name) else None


def _configuration(event: dict[str, Any]) -> "Configuration":
    """Returns a dry run's configuration if the event asks for one, else the real one.

    API Gateway never sets this key of an event, so only a caller that may invoke the function can ask for a dry run.
    """
    configuration = composition.configuration()
    if "dryRun" not in event:
        return configuration
    from handlers.dry_run import DryRun

    return DryRun(configuration, event["dryRun"]["secret"])
