"""Traces with X-Ray if it is on. If it is off, its library is not even imported."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from aws_lambda_powertools.tracing import Tracer

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def traced(handler: _Handler) -> _Handler:
    """Adds a subsegment for the handler and one for each call of AWS. They keep no answer and no exception's text."""
    tracer = _tracer()
    if tracer is None:
        return handler
    return cast("_Handler", tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False))


@contextmanager
def span(name: str) -> Iterator[None]:
    """Adds a subsegment of that name around a piece of work. It says whether the work failed."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    with tracer.provider.in_subsegment(name):
        yield


class _Emitter:
    """The one gate through which every segment passes. It removes the texts of exceptions, because these may quote
    anything. Their types and places stay.
    """

    def __init__(self, emitter: Any) -> None:
        self._emitter = emitter

    def send_entity(self, entity: Any) -> None:
        if isinstance(entity.cause, dict):  # else it is the id of an exception that an inner segment holds
            for error in entity.cause.get("exceptions", ()):
                error.message = None
        self._emitter.send_entity(entity)


@cache
def _tracer() -> "Tracer | None":
    if os.environ.get("POWERTOOLS_TRACE_DISABLED", "true").lower() == "true":
        return None
    from aws_lambda_powertools.tracing import Tracer

    # requests is left out, because its patch would send our trace ids to OMNI.
    tracer = Tracer(patch_modules=("boto3",))
    recorder: Any = tracer.provider
    recorder.emitter = _Emitter(recorder.emitter)
    return tracer
