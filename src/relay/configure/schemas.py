"""A source's own JSON Schema for its bodies, enforced after verification by Powertools' validation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from relay import limits
from relay.problems import FieldError, InvalidBody, Mistake, field_path

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.validation import SchemaValidationError

_HOMES = ("definitions", "$defs")
_LOCAL = tuple(f"#/{home}/" for home in _HOMES)
_SHARED = ("$schema", *_HOMES)  # what a part needs of the whole
_ALL_AT_ONCE = ("allOf", "anyOf", "oneOf")
_ONE_AT_ONCE = ("not", "if", "then", "else")
_Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class BodySchema:
    definition: Mapping[str, Any]

    def check(self, body: Any) -> None:
        """Raises InvalidBody with the fields that don't fit; their values are not repeated."""
        errors = self._errors(self.definition, body, (), _Looks())
        if errors:
            raise InvalidBody("The body doesn't fit the source's schema; see errors.", errors=errors)

    def _errors(self, schema: Any, value: Any, path: _Path, looks: "_Looks") -> list[FieldError]:
        """Field by field, since a validator of this kind stops at the first mistake."""
        refusal = self._refusal(schema, value) if looks.one_more() else None
        if refusal is None:
            return []
        inner = chain(self._own(schema, value, path), self._parts(schema, value, path, looks))
        whole = FieldError(field_path((*path, *_path(refusal.path))), _words(refusal))
        return list(islice(inner, limits.ERRORS)) or [whole]

    def _own(self, schema: Mapping[str, Any], value: Any, path: _Path) -> Iterator[FieldError]:
        """Fields that the schema requires and the body lacks, and those that it doesn't know."""
        if not isinstance(value, Mapping):
            return
        for name in schema.get("required", ()):
            if name not in value:
                yield FieldError(field_path((*path, name)), "is missing")
        if schema.get("additionalProperties") is False and "patternProperties" not in schema:
            for name in value:
                if name not in schema.get("properties", {}):
                    yield FieldError(field_path((*path, name)), "is not a field of this schema")

    def _parts(self, schema: Mapping[str, Any], value: Any, path: _Path, looks: "_Looks") -> Iterator[FieldError]:
        """What is wrong within the fields, or within a list's first items."""
        rules: dict[int | str, Any] = {}
        if isinstance(value, Mapping):
            rules = {name: self._resolved(rule) for name, rule in schema.get("properties", {}).items() if name in value}
        elif isinstance(value, list):
            rules = dict.fromkeys(range(min(len(value), limits.SCHEMA_LOOKS)), self._resolved(schema.get("items")))
        for name, rule in rules.items():
            if rule is not None:
                yield from self._errors(rule, value[name], (*path, name), looks)

    def _resolved(self, rule: Any) -> Mapping[str, Any] | None:
        """A part of the schema as one that stands alone; None where it can't, or where there is nothing to look at."""
        if isinstance(rule, Mapping) and "$ref" in rule:
            home, _, name = str(rule["$ref"]).removeprefix("#/").partition("/")
            rule = self.definition.get(home, {}).get(name) if home in _HOMES else None
        if not isinstance(rule, Mapping) or not all(reference.startswith(_LOCAL) for reference in _references(rule)):
            return None
        return {**rule, **{name: self.definition[name] for name in _SHARED if name in self.definition}}

    def _refusal(self, schema: Mapping[str, Any], value: Any) -> "SchemaValidationError | None":
        from aws_lambda_powertools.utilities.validation import SchemaValidationError, validate

        try:
            validate(event=value, schema=dict(schema))
        except SchemaValidationError as problem:
            return problem
        return None


class _Looks:
    """How many parts may still be looked at: a body may have thousands."""

    def __init__(self) -> None:
        self._left = limits.SCHEMA_LOOKS

    def one_more(self) -> bool:
        self._left -= 1
        return self._left >= 0


def _words(refusal: "SchemaValidationError") -> str:
    rule = refusal.rule_definition if refusal.rule not in {"properties", "items"} else ""
    return f"does not satisfy {refusal.rule} {rule}".strip()


def _path(path: Any) -> list[Any]:
    """Fastjsonschema's path begins with the name of the whole, `data`."""
    return [int(p) if isinstance(p, str) and p.isdigit() else p for p in list(path or [])[1:]]


def compile_schema(definition: Mapping[str, Any]) -> BodySchema:
    """Raises Mistake where the definition isn't a JSON Schema (draft 4, 6 or 7).

    References reach within the schema only: one to elsewhere would be fetched by the function.
    """
    from aws_lambda_powertools.utilities.validation import InvalidSchemaFormatError

    schema = BodySchema(definition)
    try:
        _check_references(definition)
        schema.check({})
    except re.error as problem:
        raise Mistake(f"not a regular expression: {problem}") from None
    except InvalidSchemaFormatError as problem:
        raise Mistake(f"can't be used: {str(problem).rpartition('Error: ')[2].splitlines()[0][:200]}") from None
    except (RecursionError, SyntaxError):
        # The validator is generated code, and Python indents a hundred levels at most.
        raise Mistake("is nested too deeply") from None
    except LookupError:
        raise Mistake("expected every $ref to lead to a part of the schema") from None
    except InvalidBody:
        pass
    return schema


def _check_references(definition: Mapping[str, Any]) -> None:
    """Raises Mistake for those that lead elsewhere, and for those that a validator would follow for ever."""
    from graphlib import CycleError, TopologicalSorter

    references = sorted(set(_references(definition)))
    if any(not reference.startswith("#") for reference in references):
        raise Mistake("expected every $ref to begin with #")
    try:
        TopologicalSorter({one: set(_followed(_target(definition, one))) for one in references}).prepare()
    except CycleError as circle:
        raise Mistake(f"this $ref leads back to itself: {circle.args[1][0]}") from None


def _target(definition: Any, reference: str) -> Any:
    """What the reference points at; None where it isn't a path through mappings: then the validator judges it."""
    found = definition
    for name in reference.removeprefix("#").split("/")[1:]:
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found if reference.startswith("#/") or reference == "#" else None


def _followed(schema: Any) -> Iterator[str]:
    """The references that a value is checked against as a whole; those of its parts end where it ends."""
    if not isinstance(schema, Mapping):
        return
    if "$ref" in schema:
        yield str(schema["$ref"])
    for name in _ALL_AT_ONCE:
        for part in schema[name] if isinstance(schema.get(name), list) else ():
            yield from _followed(part)
    for name in _ONE_AT_ONCE:
        yield from _followed(schema.get(name))


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield str(schema["$ref"])
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)
