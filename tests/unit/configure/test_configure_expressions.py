"""Expressions are checked when they are loaded; every error names the expression, and none shows data."""

import pytest

from relay.configure.expressions import compile_expression
from relay.problems import Mistake


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
    with pytest.raises(Mistake) as problem:
        compile_expression(source).search({})

    assert words in problem.value.detail
    assert source[:40] in str(problem.value)


@pytest.mark.parametrize(
    "source", ["sum(@)", "join(',', @)", "sort(@)", "max_by(@, &a)", "avg(@)", "starts_with(@, 'a')"]
)
def test_a_function_that_cannot_take_the_data_names_the_expression_only(source: str) -> None:
    with pytest.raises(Mistake) as problem:
        compile_expression(source).search(["canary", {"a": 1}])

    assert source in str(problem.value)
    assert f"{source.partition('(')[0]}() expected" in problem.value.detail
    assert "canary" not in str(problem.value)


def test_a_comparison_that_cannot_take_the_data_is_named_as_such() -> None:
    with pytest.raises(Mistake, match="a function or a comparison can't take a value"):
        compile_expression("body.x > '5'").search({"body": {"x": 7}})


def test_the_deepest_data_raises_no_other_exception() -> None:
    data: list[object] = []
    for _ in range(50_000):
        data = [data]

    with pytest.raises(Mistake, match="nested too deeply"):
        compile_expression("to_string(@)").search(data)


EVENT = frozenset({"headers", "body", "source", "id"})


@pytest.mark.parametrize(
    "source",
    [
        "headers.\"x-github-event\" == 'release' && body.action == 'published'",
        "body.alerts[?status=='firing' && labels.X == `1`].{name: labels.name, item: @} | [0]",
        'body."X-Name" == body."Y-Name"',
        "sort_by(body.alerts || `[]`, &rank)[0].rank",
        "map(&contains(labels, 'x'), body.alerts)",
        "body | action == 'published' && kind",
        "[body, source][].name",
        "{a: body.a, b: headers}.b",
        "(body || source).action.*.name",
        "*.action",
        "@.body.action",
        "not_null(body.alerts[0:2], body.items[*].name)",
        "!contains(keys(@), 'x')",
        'body.alerts[?"status" == \'firing\' || \'firing\' == "status" || a == "b-c" || a == "b".c]',
        "headers.* | [?X == 'Y']",
        "'a' == `b`",
        "source == id",
    ],
)
def test_an_expression_that_can_find_something_is_taken(source: str) -> None:
    compile_expression(source, EVENT)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("items", "'items' is undefined: expected one of body, headers, id, source"),
        ("boddy.action", "'boddy' is undefined"),
        ("boddy == 'published'", "'boddy' is undefined: expected one of body, headers, id, source,"),
        ("true", "'true' is undefined"),
        ("body.a || !boddy", "'boddy' is undefined"),
        ("starts_with(kind, 'a')", "'kind' is undefined"),
        ("[?status=='firing']", "'[' comes after a list, as in body.alerts[0]"),
        ("headers[0]", "'[' comes after a list"),
        ("alerts[?status=='firing']", "'alerts' is undefined"),
        ("[source, {a: boddy}]", "'boddy' is undefined"),
        ("@ | boddy", "'boddy' is undefined"),
        ("item.kind", "'item' is undefined: expected one of body, headers, id, source; it exists beside for_each"),
        ("headers.\"X-GitHub-Event\" == 'push'", 'lower case here: headers."x-github-event"'),
        ('headers | "X-A"', 'headers."x-a"'),
        ('body.action == "published"', "write 'published' in single quotes for a text"),
        ('body.alerts[?status == "firing"]', "write 'firing' in single quotes for a text"),
        ('body.kind == "workflow-run"', "write 'workflow-run' in single quotes for a text"),
        ("source == shop", "write 'shop' in single quotes for a text"),
        ('body.kind == "source"', "write 'source' in single quotes for a text"),
    ],
)
def test_an_expression_that_finds_nothing_in_any_event_is_refused(source: str, words: str) -> None:
    with pytest.raises(Mistake) as problem:
        compile_expression(source, EVENT)

    assert words in str(problem.value)
