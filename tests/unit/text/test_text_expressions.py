"""Expressions are checked when loaded, and every error names the expression and none of the data."""

import pytest

from relay.expressions import ExpressionProblem, compile_expression


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("headers.\"x-github-event\" == 'release' && body.action == 'published'", True),
        ("body.alerts[?status=='firing'].name", ["a"]),
        ("body.missing.deeper", None),
        ("length(body.alerts)", 2),
        ("sort_by(body.alerts, &name)[0].name", "a"),
        ("`text`", "text"),
    ],
)
def test_an_expression_finds_what_it_names(source: str, found: object) -> None:
    alerts = [{"status": "firing", "name": "a"}, {"status": "ok", "name": "b"}]
    data = {"headers": {"x-github-event": "release"}, "body": {"action": "published", "alerts": alerts}}

    assert compile_expression(source).search(data) == found


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "empty"),
        ("body.[", "character 7"),
        ("body.a ==", "character 10"),
        ("headers.x-name", 'needs quotes, as in headers."x-name"'),
        ("'unclosed", "character 1"),
        ("shout(body)", "no function shout()"),
        ("[body.a, shout(body)]", "no function shout()"),
        ("length()", "length() takes 1, not 0"),
        ("length(a, b)", "length() takes 1, not 2"),
        ("not_null()", "at least 1"),
        ("[&a]", "'&'"),
        ("(" * 3_000 + ")" * 900, "nested too deeply"),
        ("a" * 4_001, "at most 4000"),
    ],
)
def test_a_wrong_expression_is_refused_when_compiled(source: str, words: str) -> None:
    with pytest.raises(ExpressionProblem) as problem:
        compile_expression(source).search({})

    assert words in problem.value.detail
    assert source[:40] in problem.value.expression


@pytest.mark.parametrize(
    "source", ["sum(@)", "join(',', @)", "sort(@)", "max_by(@, &a)", "avg(@)", "starts_with(@, 'a')"]
)
def test_a_function_that_cannot_take_the_data_names_the_expression_only(source: str) -> None:
    with pytest.raises(ExpressionProblem) as problem:
        compile_expression(source).search(["canary", {"a": 1}])

    assert source in str(problem.value)
    assert f"{source.partition('(')[0]}() expected" in problem.value.detail
    assert "canary" not in str(problem.value)


def test_data_nested_as_deep_as_can_be_is_no_exception_of_another_kind() -> None:
    data: list[object] = []
    for _ in range(50_000):
        data = [data]

    with pytest.raises(ExpressionProblem, match="nested too deeply"):
        compile_expression("to_string(@)").search(data)
