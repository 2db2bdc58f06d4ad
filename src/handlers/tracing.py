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
    """A subsegment for the handler, and one for each call of AWS; they keep no answer, and no exception's text."""
    tracer = _tracer()
    if tracer is None:
        return handler
    return cast("_Handler", tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False))


@contextmanager
def span(name: str) -> Iterator[None]:
    """A subsegment of that name around a piece of work. It says whether that failed."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    with tracer.provider.in_subsegment(name):
        yield


class _Emitter:
    """The one gate through which every segment passes. The library keeps the texts of exceptions, which may quote
    anything: of what our code raises, and of AWS's refusals. Their types and places go on.
    """

    def __init__(self, emitter: Any) -> None:
        self._emitter = emitter

    def send_entity(self, entity: Any) -> None:
        if isinstance(entity.cause, dict):  # else it is the id of an exception that an inner segment has told
            for error in entity.cause.get("exceptions", ()):
                error.message = None
        self._emitter.send_entity(entity)


@cache
def _tracer() -> "Tracer | None":
    if os.environ.get("POWERTOOLS_TRACE_DISABLED", "true").lower() == "true":
        return None
    from aws_lambda_powertools.tracing import Tracer

    # Not requests: its patch would send our trace ids to OMNI.
    tracer = Tracer(patch_modules=("boto3",))
    recorder: Any = tracer.provider
    recorder.emitter = _Emitter(recorder.emitter)
    return tracer
