"""Tells a person what Pydantic found wrong."""

from pydantic import ValidationError


def first_mistake(error: ValidationError) -> str:
    """The first wrong field and what was expected of it, such as `status: expected less than or equal to 599`."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(map(str, first["loc"])) or "body"
    return f"{field}: {first['msg'].replace('Input should be', 'expected')}"
