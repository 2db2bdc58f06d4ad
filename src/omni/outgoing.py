"""Prepares a request: checks the base URL and the key, and writes the query parameters and the body."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic.alias_generators import to_camel
from pydantic_core import PydanticSerializationError

from omni.errors import InvalidRequest
from omni.wire import WireFormat, WireModel, format_instant

_KEY = re.compile(r"[0-9A-Za-z_-]{1,64}")
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")  # RFC 3986


def checked_base_url(url: str) -> str:
    """Returns the URL without surrounding white space and trailing slashes.

    Raises:
        ValueError: it is not an http(s) URL, or holds credentials, a query or a fragment. The message never shows it.
    """
    base = url.strip().rstrip("/")
    try:
        parts = urlsplit(base if _URL.fullmatch(base) else "")
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # malformed brackets or a malformed port
        usable = False
    if not usable:
        raise ValueError("the base URL must be http(s)://host")
    if "@" in parts.netloc or "?" in base or "#" in base:
        raise ValueError("the base URL can't hold credentials, a query or a fragment")
    return base


def checked_key(key: str) -> str:
    """Returns the scenario key. Raises InvalidRequest if it could lead to another path."""
    if not _KEY.fullmatch(key):
        raise InvalidRequest("key", "a scenario key has letters, digits, - and _")
    return key


def encoded(body: WireModel, fmt: WireFormat) -> bytes:
    """Returns the body in either format. Raises InvalidRequest if the format can't hold a value."""
    if fmt == "xml":
        from omni.xml import to_xml

        return to_xml(body)
    try:
        return body.to_json()
    except (PydanticSerializationError, ValueError):
        pass
    # Raised outside the `except`, because the cause quotes the value.
    raise InvalidRequest("request", "it holds a value that JSON can't")


def params_of(**given: Any) -> dict[str, Any]:
    """Returns query parameters by the API's names, without those that are None."""
    return {to_camel(name.rstrip("_")): _param(value) for name, value in given.items() if value is not None}


def _param(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return format_instant(value) if isinstance(value, datetime) else value
