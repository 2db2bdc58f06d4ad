"""A source's own JSON Schema for its bodies, enforced after verification by Powertools' validation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relay.problems import FieldError, InvalidBody, field_path


class SchemaProblem(ValueError):
    """The schema itself is wrong."""


@dataclass(frozen=True, slots=True)
class BodySchema:
    definition: Mapping[str, Any]

    def check(self, body: Any) -> None:
        """Raises InvalidBody with the first field that doesn't fit; its value is not repeated."""
        from aws_lambda_powertools.utilities.validation import SchemaValidationError, validate

        try:
            validate(event=body, schema=dict(self.definition))
        except SchemaValidationError as problem:
            rule = problem.rule_definition if problem.rule not in {"properties", "items"} else ""
            error = FieldError(field_path(_path(problem.path)), f"does not satisfy {problem.rule} {rule}".strip())
            raise InvalidBody("The body doesn't fit the source's schema; see errors.", errors=[error]) from None


def _path(path: Any) -> list[Any]:
    """Fastjsonschema's path begins with the name of the whole, `data`."""
    return [int(p) if isinstance(p, str) and p.isdigit() else p for p in list(path or [])[1:]]


def compile_schema(definition: Mapping[str, Any]) -> BodySchema:
    """Raises SchemaProblem where the definition isn't a JSON Schema (draft 4, 6 or 7).

    References reach within the schema only: one to elsewhere would be fetched by the function.
    """
    from aws_lambda_powertools.utilities.validation import InvalidSchemaFormatError

    if any(not reference.startswith("#") for reference in _references(definition)):
        raise SchemaProblem("expected every $ref to begin with #")
    schema = BodySchema(definition)
    try:
        schema.check({})
    except re.error as problem:
        raise SchemaProblem(f"not a regular expression: {problem}") from None
    except InvalidSchemaFormatError as problem:
        raise SchemaProblem(f"not a JSON Schema: {str(problem).splitlines()[0][:200]}") from None
    except InvalidBody:
        pass
    return schema


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield str(schema["$ref"])
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)
