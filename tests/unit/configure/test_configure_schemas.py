"""A source's JSON Schema is refused if no body could be checked against it."""

from functools import reduce

import pytest

from relay.configure.schemas import compile_schema
from relay.problems import InvalidBody, Mistake

TO_B: dict[str, object] = {"$ref": "#/definitions/b"}
TO_C: dict[str, object] = {"$ref": "#/definitions/c"}


def nested(levels):
    leaf: dict[str, object] = {"type": "string"}
    return reduce(lambda inner, _: {"properties": {"a": inner}}, range(levels), leaf)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"$ref": "#"}, "leads back to itself"),
        ({"$ref": "#/definitions/b", "definitions": {"b": TO_B}}, "leads back to itself"),
        ({"properties": {"a": TO_B}, "definitions": {"b": TO_C, "c": TO_B}}, "leads back to itself"),
        ({"properties": {"a": TO_B}, "definitions": {"b": {"allOf": [{"not": TO_B}]}}}, "leads back to itself"),
        ({"$ref": "#/definitions/b/0/x", "definitions": {"b": []}}, "lead to a part"),
        (nested(100), "nested too deeply"),
        (nested(600), "nested too deeply"),
    ],
)
def test_a_schema_that_can_not_be_followed_is_a_mistake(definition, words):
    with pytest.raises(Mistake, match=words):
        compile_schema(definition)


def test_a_rule_for_a_whole_list_is_checked_over_the_whole_list():
    schema = compile_schema({"type": "array", "uniqueItems": True, "contains": {"type": "string"}})
    schema.check([{"n": n} for n in range(20_000)] + ["x"])
    with pytest.raises(InvalidBody) as refusal:
        schema.check([{"n": n} for n in range(30)])
    assert [(error.field, error.problem) for error in refusal.value.errors] == [
        ("(body)", "does not satisfy contains {'type': 'string'}")
    ]


def test_a_schema_may_lead_back_to_itself_for_the_parts_of_a_value():
    tree = compile_schema({"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}})
    tree.check({"left": {"right": {}}})
    with pytest.raises(InvalidBody):
        tree.check({"left": {"right": 7}})
