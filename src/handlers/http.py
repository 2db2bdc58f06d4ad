"""Translates HTTP: API Gateway's payload 2.0 to an inbound request, and an outcome or a problem to an answer."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from relay.deliver.outcomes import Outcome
from relay.problems import MalformedRequest, MethodNotAllowed, Problem
from relay.receive.handshakes import Answer
from relay.verification.inbound import InboundRequest

FINISHED = {"sent": 200, "ignored": 200, "muted": 200}
Response = dict[str, Any]


def inbound_request(event: Mapping[str, Any]) -> InboundRequest:
    """Reads a request. Raises MalformedRequest for a body that claims to be base64 and isn't."""
    context = event["requestContext"]
    http = context["http"]
    return InboundRequest(
        method=http["method"],
        path=event["rawPath"],
        query=event.get("rawQueryString", ""),
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        body=body(event),
        # This is API Gateway's clock, so that a recorded event verifies whenever it is run again.
        received_at=datetime.fromtimestamp(context["timeEpoch"] / 1000, UTC),
    )


def body(event: Mapping[str, Any]) -> bytes:
    """Returns the bytes of a request's body. Raises MalformedRequest for one that claims to be base64 and isn't."""
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode("utf-8", errors="surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRequest("The body is not base64.") from None


def answer(result: Outcome | Answer) -> Response:
    """Answers 200 or 202 by the outcome, or as the handshake demands."""
    if isinstance(result, Answer):
        # A browser must not take what is reflected for a page.
        headers = {**result.headers, "content-type": result.content_type, "x-content-type-options": "nosniff"}
        return {"statusCode": result.status, "headers": headers, "body": result.body}
    return _response(FINISHED.get(result.name, result.accepted), "application/json", content(result))


def content(result: Outcome) -> dict[str, Any]:
    """Returns an outcome as the answer's JSON."""
    content: dict[str, Any] = {"eventId": result.event_id, "outcome": result.name}
    if result.messages:
        content["messages"] = result.messages
    if result.queued:
        content["dispatches"] = result.queued
    if result.parked:
        content["reason"] = "; ".join(result.parked)
    if result.duplicate:
        content["duplicate"] = True
    return content


def problem(failure: Problem, request_id: str) -> Response:
    """Answers with the failure as RFC 9457 has it, and with the id that finds its log lines."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": failure.title,
        "status": failure.status,
        "detail": failure.detail,
        "requestId": request_id,
    }
    if failure.errors:
        content["errors"] = [{"field": error.field, "problem": error.problem} for error in failure.errors]
    response = _response(failure.status, "application/problem+json", content)
    if failure.retry_after is not None:
        response["headers"]["retry-after"] = str(failure.retry_after)
    if isinstance(failure, MethodNotAllowed):
        response["headers"]["allow"] = ", ".join(failure.allowed)
    if failure.status == MUST_AUTHENTICATE:
        response["headers"]["www-authenticate"] = "Signature"  # RFC 9110: a 401 names a scheme
    return response


MUST_AUTHENTICATE = 401


def _response(status: int, content_type: str, content: dict[str, Any]) -> Response:
    return {"statusCode": status, "headers": {"content-type": content_type}, "body": json.dumps(content)}
