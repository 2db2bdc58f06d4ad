"""Validation errors in plain words: what was expected, never what came, which may be a secret or an address."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

AN_INSTANT = "expected a date and time with its zone, such as 2026-03-01T12:00:00Z"
# By Pydantic's names of errors; what is not here keeps its own words.
_EXPECTED: Mapping[str, str] = {
    "missing": "expected a value",
    "extra_forbidden": "there is no such field",
    "model_type": "expected an object",
    "dict_type": "expected an object",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "string_type": "expected a text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "datetime_parsing": AN_INSTANT,
    "datetime_from_date_parsing": AN_INSTANT,
    "datetime_object_invalid": AN_INSTANT,
    "timezone_aware": AN_INSTANT,
    "too_short": "expected {min_length} or more",
    "too_long": "expected {max_length} or fewer",
    "string_too_short": "expected {min_length} characters or more",
    "string_too_long": "expected {max_length} characters or fewer",
    "string_pattern_mismatch": "expected a text that matches {pattern}",
}


def misplaced(place: tuple[int | str, ...], problem: str) -> PydanticCustomError:
    """What a validator raises of a part of its value: `place` is the way from there."""
    return PydanticCustomError("misplaced", "{problem}", {"problem": problem, "place": place})


def place_of(error: "ErrorDetails") -> tuple[int | str, ...]:
    return (*error["loc"], *error.get("ctx", {}).get("place", ()))


def expected(error: "ErrorDetails") -> str:
    """Of an error made with its context, but without its input."""
    if error["type"] in _EXPECTED:
        return _EXPECTED[error["type"]].format_map(error.get("ctx", {}))
    return error["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
