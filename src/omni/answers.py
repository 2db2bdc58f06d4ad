"""Reads an HTTP answer: as a model if it is a success, else as a typed error."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from omni.errors import STATUS_ERRORS, AnswerError, ErrorBody, MalformedAnswer, UnexpectedStatus
from omni.wire import Model, WireFormat

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_MAX_TEXT_CHARS = 500
_MAX_FAULTS = 5


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer before it is parsed. The header names must be found in any letter case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004  # HTTP's own class of success


def read_model(model: type[Model], answer: RawAnswer, *, asked: WireFormat) -> Model:
    """Returns the model of a successful answer. `asked` is the format that the request asked for.

    Raises:
        MalformedAnswer: it is not JSON or XML, or not this model. OMNI may have acted on the request.
    """
    try:
        return model.from_wire(_read_value(answer, asked))
    except ValidationError as error:
        detail = _faults(error)
    except ValueError as error:
        detail = str(error)
    # Raised outside the `except`, so that the error's chain doesn't hold the answer.
    raise MalformedAnswer(answer.status, detail, answer.content)


def read_error(
    answer: RawAnswer, *, asked: WireFormat, now: datetime, clean: Callable[[str], str] = str
) -> AnswerError:
    """Returns the error that an unsuccessful answer stands for. `clean` removes secrets from the server's text."""
    try:
        body = _error_body(_read_value(answer, asked), clean)
    except ValueError:
        body = ErrorBody()  # a gateway's HTML page, for example; the status is enough
    kind = STATUS_ERRORS.get(answer.status, UnexpectedStatus)
    return kind(answer.status, body, retry_after=retry_after_seconds(answer.headers.get("Retry-After"), now))


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Returns the seconds that a Retry-After header asks for; None if there is no valid one.

    RFC 9110, section 10.2.3, allows a number of seconds or a date.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())


def _read_value(answer: RawAnswer, asked: WireFormat) -> Any:
    """Decodes the body by its Content-Type, or in the format that was asked for. Raises ValueError."""
    content_type = (answer.headers.get("Content-Type") or "").lower()
    if "xml" in content_type or ("json" not in content_type and asked == "xml"):
        from omni.xml import read_document

        root, value = read_document(answer.content)
        return {root: value} if root == "requestError" else value
    try:
        return from_json(answer.content, allow_inf_nan=False)
    except ValueError:
        pass
    raise ValueError("it is not JSON")  # without the parser's message, which may quote the answer


def _error_body(body: Any, clean: Callable[[str], str]) -> ErrorBody:
    """Reads both shapes of the API: `requestError.serviceException`, and `errorCode` with its siblings."""
    if not isinstance(body, dict):
        return ErrorBody()
    request_error = body.get("requestError")
    exception = request_error.get("serviceException") if isinstance(request_error, dict) else None
    old: dict[str, Any] = exception if isinstance(exception, dict) else {}
    code = body.get("errorCode") or old.get("messageId")
    return ErrorBody(
        code=code if isinstance(code, str) and _CODE.fullmatch(code) else None,
        text=_text(body.get("description") or old.get("text"), clean),
        action=_text(body.get("action"), clean),
        violations=_items(body.get("violations"), clean),
        resources=_items(body.get("resources"), clean),
    )


def _text(value: Any, clean: Callable[[str], str]) -> str | None:
    return clean(value)[:_MAX_TEXT_CHARS] if isinstance(value, str) else None


def _items(value: Any, clean: Callable[[str], str]) -> tuple[Any, ...]:
    return tuple(json.loads(clean(json.dumps(value)))) if isinstance(value, list) else ()


def _faults(error: ValidationError) -> str:
    """Says which fields don't fit the model, without any of their values."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)[:_MAX_FAULTS]
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'answer'}: {fault['type']}" for fault in faults)
