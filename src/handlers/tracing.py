"""X-Ray when it is on; when it is off, its library is not even imported."""

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def traced(handler: _Handler) -> _Handler:
    """A segment for the handler, with subsegments for AWS and OMNI calls; neither answers nor exceptions are kept."""
    if os.environ.get("POWERTOOLS_TRACE_DISABLED", "true").lower() == "true":
        return handler
    from aws_lambda_powertools.tracing import Tracer

    tracer = Tracer(patch_modules=("boto3", "requests"))
    return cast("_Handler", tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False))
