"""What goes out: the checked base URL and key, query parameters, and the body in either format."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic.alias_generators import to_camel
from pydantic_core import PydanticSerializationError

from omni.answers import Format
from omni.errors import InvalidRequest
from omni.wire import WireModel, format_instant

_KEY = re.compile(r"[0-9A-Za-z_-]{1,64}")


def checked_base(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the base URL must be http(s)://host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the base URL can't hold credentials, a query or a fragment")
    return url.strip().rstrip("/")


def checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidRequest("key", "a scenario key has letters, digits, - and _")
    return key


def encoded(body: WireModel, fmt: Format) -> bytes:
    if fmt == "xml":
        from omni.xml import to_xml

        return to_xml(body)
    try:
        return body.to_json()
    except (PydanticSerializationError, ValueError):
        pass
    raise InvalidRequest("request", "it holds a value that JSON can't")  # unchained: the cause quotes the value


def params_of(**given: Any) -> dict[str, Any]:
    return {to_camel(name.rstrip("_")): _param(value) for name, value in given.items() if value is not None}


def _param(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return format_instant(value) if isinstance(value, datetime) else value
