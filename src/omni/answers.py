"""Reads an HTTP answer: a model when it is a success, else a typed error."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from omni.errors import STATUS_ERRORS, AnswerError, ErrorBody, MalformedAnswer, UnexpectedStatus
from omni.wire import Model, WireFormat

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_MAX_TEXT = 500
_MAX_FAULTS = 5


def read_model(
    model: type[Model], status: int, content_type: str | None, content: bytes, *, asked: WireFormat
) -> Model:
    """The model of a successful answer.

    Raises:
        MalformedAnswer: it is not JSON or XML, or not this model; OMNI may have acted on the request.
    """
    try:
        return model.from_wire(read_value(content, content_type, asked=asked))
    except ValidationError as error:
        detail = _faults(error)
    except ValueError as error:
        detail = str(error)
    raise MalformedAnswer(status, detail, content)  # outside the except: no chain that holds the answer


def read_error(
    status: int,
    headers: Mapping[str, str],
    content: bytes,
    *,
    asked: WireFormat,
    now: datetime,
    clean: Callable[[str], str] = str,
) -> AnswerError:
    """The error of an answer that is not a success. `clean` removes secrets from the server's words."""
    try:
        said = _error_body(read_value(content, headers.get("Content-Type"), asked=asked), clean)
    except ValueError:
        said = ErrorBody()  # a gateway's HTML page, or nothing: the status says enough
    kind = STATUS_ERRORS.get(status, UnexpectedStatus)
    return kind(status, said, retry_after=retry_after_seconds(headers.get("Retry-After"), now))


def read_value(content: bytes, content_type: str | None, *, asked: WireFormat) -> Any:
    """A JSON value, read by the answer's Content-Type, else as what was asked for. Raises ValueError."""
    named = (content_type or "").lower()
    if "xml" in named or ("json" not in named and asked == "xml"):
        from omni.xml import read_document

        root, value = read_document(content)
        return {root: value} if root == "requestError" else value
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        pass
    raise ValueError("it is not JSON")  # without the parser's message, which may quote the answer


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3: seconds or a date); None without one."""
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())


def _error_body(body: Any, clean: Callable[[str], str]) -> ErrorBody:
    """Both shapes: requestError.serviceException, and errorCode with its companions."""
    if not isinstance(body, dict):
        return ErrorBody()
    request_error = body.get("requestError")
    exception = request_error.get("serviceException") if isinstance(request_error, dict) else None
    old: dict[str, Any] = exception if isinstance(exception, dict) else {}
    code = body.get("errorCode") or old.get("messageId")
    return ErrorBody(
        code=code if isinstance(code, str) and _CODE.fullmatch(code) else None,
        text=_words(body.get("description") or old.get("text"), clean),
        action=_words(body.get("action"), clean),
        violations=_items(body.get("violations"), clean),
        resources=_items(body.get("resources"), clean),
    )


def _words(value: Any, clean: Callable[[str], str]) -> str | None:
    return clean(value)[:_MAX_TEXT] if isinstance(value, str) else None


def _items(value: Any, clean: Callable[[str], str]) -> tuple[Any, ...]:
    return tuple(json.loads(clean(json.dumps(value)))) if isinstance(value, list) else ()


def _faults(error: ValidationError) -> str:
    """Where the answer doesn't fit, without any of its values."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)[:_MAX_FAULTS]
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'answer'}: {fault['type']}" for fault in faults)
