"""Validation errors in plain words: what was expected, and never the value, which may be a secret or an address."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from relay import limits
from relay.problems import FieldError, field_path

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Place = tuple[int | str, ...]

NO_SUCH_FIELD = "there is no such field"
AN_INSTANT = "expected a date and time with its zone, such as 2026-03-01T12:00:00Z"
# By Pydantic's names of errors; an error that isn't listed keeps Pydantic's words.
_EXPECTED: Mapping[str, str] = {
    "missing": "expected a value",
    "extra_forbidden": NO_SUCH_FIELD,
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


def errors_at(found: Iterable[tuple[Place, str]]) -> ValidationError:
    """Makes the error by which a validator reports several parts of its value: their places, and what was expected."""
    lines = [
        InitErrorDetails(type=PydanticCustomError("mistake", "{words}", {"words": words}), loc=place, input=None)
        for place, words in found
    ]
    return ValidationError.from_exception_data("", lines)


def errors_of(problem: ValidationError) -> list[tuple[Place, str]]:
    """Gives the first errors of a validation, `limits.ERRORS` at most: their places, and what was expected there."""
    errors = problem.errors(include_url=False, include_input=False)[: limits.ERRORS]
    return [(error["loc"], _expected(error)) for error in errors]


def field_errors(problem: ValidationError) -> list[FieldError]:
    """Gives the same errors with places such as `to[0].phone`."""
    return [FieldError(field_path(place), words) for place, words in errors_of(problem)]


def _expected(error: "ErrorDetails") -> str:
    if error["type"] in _EXPECTED:
        return _EXPECTED[error["type"]].format_map(error.get("ctx", {}))
    return error["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
