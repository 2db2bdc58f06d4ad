"""Decodes bodies to JSON values or form fields, within limits that keep hostile ones cheap."""

import json
import math
import re
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qsl

from relay import limits
from relay.problems import MalformedRequest

BodyFormat = Literal["json", "json-or-form", "json-or-payload"]
LOST = "\ufffd"  # replaces half a character, such as a cut text may end in; different texts may become equal by this
_FORM_TYPE = "application/x-www-form-urlencoded"
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def decode(body: bytes, content_type: str | None, *, expects: BodyFormat) -> Any:
    """Returns a JSON value, or a form's fields as an object of texts. If a name is repeated, the last one counts.

    In a form, a field `payload` that holds JSON, as Slack sends it, is decoded in its place. With "json-or-payload", as
    GitHub sends forms, that JSON is the whole result instead.

    Raises:
        MalformedRequest: the body isn't UTF-8, JSON or a form, has no JSON payload where it must, or exceeds a limit.
    """
    media_type, charset = _content_type(content_type or "")
    if charset not in _CHARSETS:
        raise MalformedRequest("expected a body in UTF-8, not in another charset")
    text = _text(body)
    # curl sends every body as a form unless told otherwise, so JSON is read as JSON even where it is called a form.
    if expects == "json" or media_type != _FORM_TYPE or text.lstrip().startswith(("{", "[")):
        return _json(text)
    fields = _fields(text)
    payload = fields.get("payload", "")
    if expects == "json-or-payload":
        if not payload:
            raise MalformedRequest("expected JSON in the form's field payload")
        return _json(payload)
    if payload.lstrip().startswith(("{", "[")):
        return fields | {"payload": _json(payload)}
    return fields


def _content_type(header: str) -> tuple[str, str]:
    media_type, *parameters = header.split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    values = {name.strip().lower(): value.strip().strip('"').lower() for name, _, value in pairs}
    return media_type.strip().lower(), values.get("charset", "utf-8")


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise MalformedRequest(f"not UTF-8 at byte {problem.start + 1}") from None
    if not text.strip():
        raise MalformedRequest("empty body")
    return text


def _fields(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text.strip(), keep_blank_values=True, errors="strict", max_num_fields=limits.FORM_FIELDS)
    except UnicodeDecodeError:
        raise MalformedRequest("a form field is not UTF-8") from None
    except ValueError:
        raise MalformedRequest(f"expected a form of at most {limits.FORM_FIELDS} fields") from None
    return dict(pairs)


def _json(text: str) -> Any:
    def integer(digits: str) -> int:
        if len(digits) > limits.NUMBER_CHARS:
            raise MalformedRequest(f"a number is too long: expected at most {limits.NUMBER_CHARS} characters")
        return int(digits)

    def fraction(digits: str) -> float:
        if len(digits) > limits.NUMBER_CHARS:
            raise MalformedRequest(f"a number is too long: expected at most {limits.NUMBER_CHARS} characters")
        value = float(digits)
        if not math.isfinite(value):
            raise MalformedRequest("a number is too large")
        return value

    try:
        value = json.loads(text, parse_int=integer, parse_float=fraction, parse_constant=_refuse_constant)
    except json.JSONDecodeError as problem:
        raise MalformedRequest(f"not JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    _check_depth(value)
    return _mended(value) if _SURROGATE_ESCAPE.search(text) else value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedRequest(f"{name} is not JSON")


def _check_depth(value: Any) -> None:
    """Goes down level by level instead of recursing, which a deep value could exhaust."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limits.JSON_LEVELS):
        inner = (entry for one in level for entry in (one.values() if isinstance(one, dict) else one))
        level = [entry for entry in inner if isinstance(entry, dict | list)]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> MalformedRequest:
    return MalformedRequest(f"nested too deeply: expected at most {limits.JSON_LEVELS} levels")


def _mended(value: Any) -> Any:
    """Replaces halves of surrogate pairs by LOST, because no encoder takes them."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mended(name): _mended(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_mended(entry) for entry in value]
    return value
