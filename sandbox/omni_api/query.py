"""Reads query parameters strictly. A wrong value is a 400 that names the parameter."""

from datetime import datetime

from starlette.datastructures import QueryParams

from sandbox.omni_api.clock import parsed
from sandbox.omni_api.errors import bad_request

_BOOLEANS = {"true": True, "false": False}
_MAX_DIGITS = 9


def whole(query: QueryParams, name: str, *, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else -1
    if not least <= number <= most:
        raise bad_request(f"{name}: must be a whole number from {least} to {most}")
    return number


def boolean(query: QueryParams, name: str) -> bool | None:
    text = query.get(name)
    if text is None:
        return None
    if text.lower() not in _BOOLEANS:
        raise bad_request(f"{name}: must be true or false")
    return _BOOLEANS[text.lower()]


def moment(query: QueryParams, name: str) -> datetime | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return parsed(text.strip().replace(" ", "+"))  # a plus sign that wasn't escaped arrives as a space
    except ValueError as error:
        raise bad_request(f"{name}: {error}") from error


def among(query: QueryParams, name: str) -> frozenset[str] | None:
    """The values of a repeatable parameter. None if it isn't given."""
    return frozenset(query.getlist(name)) or None
