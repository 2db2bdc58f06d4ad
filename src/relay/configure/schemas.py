"""A source's own JSON Schema for its bodies, enforced by fastjsonschema after verification.

jsonschema would bring 1.9 MB and 50 ms of imports, and its `uniqueItems` takes 3 s for 2,000 objects in a list.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from relay import limits
from relay.problems import FieldError, InvalidBody, Mistake, field_path

if TYPE_CHECKING:
    from fastjsonschema import JsonSchemaValueException

_ALL_AT_ONCE = ("allOf", "anyOf", "oneOf")
_ONE_AT_ONCE = ("not", "if", "then", "else")
_OF_WHOLE_LISTS = frozenset({"minItems", "contains"})  # they may refuse a list just because it was shortened


@dataclass(frozen=True, slots=True)
class BodySchema:
    definition: dict[str, Any]
    _validate: Callable[[Any], Any] = field(repr=False, compare=False)  # it stops at the first mistake

    def check(self, body: Any) -> None:
        """Raises InvalidBody with the fields that don't fit; their values are not repeated."""
        from fastjsonschema import JsonSchemaValueException

        try:
            self._validate(body)
        except JsonSchemaValueException as first:
            errors = list(islice(self._errors(body), limits.ERRORS)) or list(_field_errors(first))[: limits.ERRORS]
            raise InvalidBody("The body doesn't fit the source's schema; see errors.", errors=errors) from None

    def _errors(self, body: Any) -> Iterator[FieldError]:
        """Lists each mistake in a body that was refused, but only among the first items of its lists.

        Each costs some 50 µs, and a hostile body has a hundred thousand. A body that is large even so has none listed.
        """
        from fastjsonschema import JsonSchemaValuesException
        from fastjsonschema import compile as compiled

        few = _shortened(body)
        if _size(few) > limits.SCHEMA_VALUES:
            return
        try:
            compiled(self.definition, fast_fail=False)(few)
        except JsonSchemaValuesException as problem:
            for refusal in problem.errors:
                if few == body or refusal.rule not in _OF_WHOLE_LISTS:
                    yield from _field_errors(refusal)


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        return [_shortened(item) for item in value[: limits.ERRORS]]
    if isinstance(value, dict):
        return {name: _shortened(entry) for name, entry in value.items()}
    return value


def _size(value: Any) -> int:
    """Counts a value and all values within it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_size, inner))


def _field_errors(refusal: "JsonSchemaValueException") -> Iterator[FieldError]:
    """Gives an error for each field that is missing or unknown, and for any other rule one for the value as a whole."""
    place = _place(refusal)
    schema, value = refusal.definition, refusal.value
    if refusal.rule == "required":
        for name in refusal.rule_definition:
            if name not in value:
                yield FieldError(field_path([*place, name]), "is missing")
    elif refusal.rule == "additionalProperties" and "patternProperties" not in schema:
        for name in value:
            if name not in schema.get("properties", {}):
                yield FieldError(field_path([*place, name]), "is not a field of this schema")
    else:
        told = "" if refusal.rule in {"items", "properties"} else refusal.rule_definition
        yield FieldError(field_path(place), f"does not satisfy {refusal.rule} {told}".strip())


def _place(refusal: "JsonSchemaValueException") -> list[int | str]:
    """Gives the way to the value, whose name is like `data.items[0].price`. Only brackets hold an index."""
    _, *parts = refusal.path
    indexes = set(re.findall(r"\[(\d+)\]", refusal.name or ""))
    return [int(part) if part in indexes else part for part in parts]


def compile_schema(definition: dict[str, Any]) -> BodySchema:
    """Compiles a JSON Schema of draft 4, 6, 7 or 2019-09.

    Raises:
        Mistake: it is no such schema, or a $ref leads out of it, which the function would have to fetch.
    """
    from fastjsonschema import JsonSchemaDefinitionException
    from fastjsonschema import compile as compiled

    try:
        _check_references(definition)
        schema = BodySchema(definition, compiled(definition))
        schema.check({})
    except re.error as problem:
        raise Mistake(f"not a regular expression: {problem}") from None
    except (AttributeError, TypeError, JsonSchemaDefinitionException) as problem:
        raise Mistake(f"can't be used: {str(problem).splitlines()[0][:200]}") from None
    except (RecursionError, SyntaxError):
        # The validator is generated code, which Python can indent by a hundred levels at most.
        raise Mistake("is nested too deeply") from None
    except LookupError:
        raise Mistake("expected every $ref to lead to a part of the schema") from None
    except InvalidBody:
        pass
    return schema


def _check_references(definition: Mapping[str, Any]) -> None:
    """Raises Mistake for a reference that leads elsewhere, or that a validator would follow for ever."""
    from graphlib import CycleError, TopologicalSorter

    references = sorted(set(_references(definition)))
    if any(not reference.startswith("#") for reference in references):
        raise Mistake("expected every $ref to begin with #")
    try:
        TopologicalSorter({one: set(_followed(_target(definition, one))) for one in references}).prepare()
    except CycleError as circle:
        raise Mistake(f"this $ref leads back to itself: {circle.args[1][0]}") from None


def _target(definition: Any, reference: str) -> Any:
    """Gives what the reference points at, or None if it isn't a path through mappings; the validator then judges it."""
    found = definition
    for name in reference.removeprefix("#").split("/")[1:]:
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found if reference.startswith("#/") or reference == "#" else None


def _followed(schema: Any) -> Iterator[str]:
    """Gives the references that check a value as a whole. Those that check its parts can't go on for ever."""
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
