"""X-Ray when it is on; when it is off, its library is not even imported."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from aws_lambda_powertools.tracing import Tracer

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def traced(handler: _Handler) -> _Handler:
    """A subsegment for the handler, and one for each call of AWS; neither answers nor exceptions are kept in it."""
    tracer = _tracer()
    if tracer is None:
        return handler
    return cast("_Handler", tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False))


@contextmanager
def span(name: str) -> Iterator[None]:
    """A subsegment of that name around a piece of work. It says whether that failed, but not the exception's text,
    which the library's own context manager would keep.
    """
    tracer = _tracer()
    if tracer is None:
        yield
        return
    recorder: Any = tracer.provider
    subsegment = recorder.begin_subsegment(name)  # None where the invocation itself isn't traced
    try:
        yield
    except Exception:
        if subsegment:
            subsegment.add_fault_flag()
        raise
    finally:
        if subsegment:
            recorder.end_subsegment()


@cache
def _tracer() -> "Tracer | None":
    if os.environ.get("POWERTOOLS_TRACE_DISABLED", "true").lower() == "true":
        return None
    from aws_lambda_powertools.tracing import Tracer

    # Not requests: its patch would send our trace ids to OMNI.
    return Tracer(patch_modules=("boto3",))
