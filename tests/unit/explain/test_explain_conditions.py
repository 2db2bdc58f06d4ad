"""An expression is taken apart as it was written, with both sides of each comparison, and says why it doesn't hold."""

from typing import Any

import pytest

from relay.configure.expressions import compile_expression
from relay.deliver.routing import holds
from relay.explain.conditions import Condition, explained
from relay.explain.writing import written

DATA: dict[str, Any] = {
    "headers": {"x-github-event": "release"},
    "body": {
        "result": "FAILED",
        "Status": 1,
        "total": 3,
        "note": None,
        "tags": ["a", "b"],
        "alerts": [{"status": "resolved", "n": {"a": 1}}, {"status": "firing", "n": {}}],
    },
}


def explain(expression: str) -> Condition:
    return explained(compile_expression(expression, frozenset({"headers", "body", "source", "id"})), DATA)


def told(condition: Condition) -> str:
    left, right = condition.operands
    return f"{left.text} = {left.value!r} {condition.relation} {right.value!r}"


@pytest.mark.parametrize(
    "expression",
    [
        "body.result == 'failed'",
        "headers.\"x-github-event\" == 'release' && body.action == 'published'",
        "body.alerts[?status == 'firing'].labels.name",
        "body.a[*].b[*].c",
        "body.a[*][0].b",
        "(body.a[*].b)[0]",
        "(body.a[*]).b",
        "body.a.*.b",
        "body.a[].b[].c",
        "body.a[1:5:2].b",
        "body.a[0][1].b",
        "body.a[::-1]",
        "body.a | [0]",
        "body.a || body.b && body.c",
        "(body.a || body.b) && body.c",
        "(body.a || body.b).c",
        "!body.a",
        "!(body.a == body.b)",
        "!(body.a.b)",
        "body.a == (body.b || body.c)",
        "(body.a == body.b) == body.c",
        "length(body.a[?b > `5`]) > `0`",
        "sort_by(body.people, &a.b)[0].x",
        'body.{a: b, "c d": e.f}',
        "body.[a, b]",
        "[body.a, body.b]",
        "body.a[?b][?c]",
        "body.a == 'it\\'s'",
        'body.a == `"x\\\\\\\\y"`',
        "body.a == `null`",
        "join('-', [body.kind, to_string(body.id)])",
    ],
)
def test_an_expression_is_written_as_it_was(expression: str) -> None:
    tree = compile_expression(expression).tree
    assert written(tree) == expression
    assert compile_expression(written(tree)).tree == tree


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("body.result == 'failed'", "body.result = 'FAILED' ≠ 'failed'"),
        ("body.result != 'FAILED'", "body.result = 'FAILED' = 'FAILED'"),
        ("body.total > `5`", "body.total = 3 ≤ 5"),
        ("body.total >= `3`", "body.total = 3 ≥ 3"),
        ("body.total < `3`", "body.total = 3 ≥ 3"),
        ("body.total <= `2`", "body.total = 3 > 2"),
        ("body.note > `2`", "body.note = None can't be compared with 2"),
        ("body | result == 'failed'", "result = 'FAILED' ≠ 'failed'"),
    ],
)
def test_a_comparison_tells_both_sides_and_what_is_true_of_them(expression: str, words: str) -> None:
    condition = explain(expression)
    assert told(condition) == words
    assert condition.holds == holds(compile_expression(expression).search(DATA))


def test_the_part_that_decides_ends_a_chain() -> None:
    condition = explain("headers.\"x-github-event\" == 'release' && body.action == 'published' && body.result")
    assert (condition.kind, condition.holds) == ("and", False)
    assert [part.holds for part in condition.parts] == [True, False, None]
    condition = explain("body.total == `1` || body.result || body.action == 'x'")
    assert (condition.kind, condition.holds) == ("or", True)
    assert [part.holds for part in condition.parts] == [False, True, None]


def test_a_negation_tells_what_it_denies() -> None:
    condition = explain("!starts_with(body.result, 'FAIL')")
    assert (condition.kind, condition.holds) == ("not", False)
    [inner] = condition.parts
    assert (inner.kind, inner.holds, inner.text) == ("function", True, "starts_with(body.result, 'FAIL')")
    assert [(each.value, each.constant) for each in inner.operands] == [("FAILED", False), ("FAIL", True)]


@pytest.mark.parametrize(
    ("expression", "missing"),
    [
        ("body.status == 'x'", "body has no field status: did you mean Status?"),
        ("body.resultt == 'x'", "body has no field resultt: did you mean result?"),
        ("body.alert.state == 'x'", "body has no field alert: did you mean alerts?"),
        ("body.total.sum == 'x'", "body.total is a number, so it has no field sum"),
        ("body.alerts.status == 'x'", "body.alerts is a list, so it has no field status"),
        ("body.zzz == 'x'", "body has no field zzz; it has result, Status, total, note, tags, alerts"),
        ("headers.\"x-gitlab-event\" == 'x'", "headers has no field x-gitlab-event: did you mean x-github-event?"),
        ("body.note == 'x'", None),
    ],
)
def test_a_name_that_leads_nowhere_is_told_with_what_there_is(expression: str, missing: str | None) -> None:
    [operand, _] = explain(expression).operands
    assert (operand.value, operand.missing) == (None, missing)


@pytest.mark.parametrize(
    "expression", ["body.alerts[?status == 'silenced']", "length(body.alerts[?status == 'silenced']) > `0`"]
)
def test_a_filter_is_told_item_by_item(expression: str) -> None:
    condition = explain(expression)
    assert not condition.holds
    assert [(part.item, told(part)) for part in condition.parts] == [
        (0, "status = 'resolved' ≠ 'silenced'"),
        (1, "status = 'firing' ≠ 'silenced'"),
    ]


def test_a_function_that_can_not_take_a_value_is_told_where_it_stands() -> None:
    condition = explain("body.result && length(body.total) > `1`")
    assert condition.holds is None
    assert [part.holds for part in condition.parts] == [True, None]
    assert condition.parts[1].mistake == "length() expected string or array or object, not number"
