"""Templates say what an event holds, and none escapes, loops for long or builds megabytes."""

import time
import tracemalloc
from typing import Any

import pytest

from relay.problems import Mistake
from relay.templates.templates import TemplateLimits, compile_template

MEGABYTE = 1024 * 1024
EVENT: dict[str, Any] = {
    "source": "github",
    "id": "42",
    "headers": {"x-github-event": "release"},
    "body": {
        "name": "relay",
        "nothing": None,
        "yes": True,
        "count": 3,
        "price": 12.5,
        "items": [{"name": "a", "state": "firing"}, {"name": "b", "state": "ok"}],
        "labels": {"severity": "high", "team": "ops"},
        "sha": "0123456789abcdef",
        "numbers": [3, 1, 2, 3],
        "alerts": [],
        "long": "x" * 400_000,
        "many": list(range(50_000)),
        "format": "%0999999999d",
        "fields": "{0.__class__}",
        "half": "cut \ud83d",
        "huge": 10**5_000,
        "endless": float("nan"),
    },
}


def render(source: str, **limits: Any) -> str:
    return compile_template(source, TemplateLimits(**limits)).render(EVENT)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("nothing to fill in", "nothing to fill in"),
        ("{{ body.name }} by {{ source }}", "relay by github"),
        ("{{ headers['x-github-event'] }}", "release"),
        ("{{ body.items[0].name }}{{ body.items.1.name }}{{ body.items[-1].name }}", "abb"),
        ("[{{ body.nothing }}]", "[]"),
        ("{{ body.yes }} {{ body.count }} {{ body.price }}", "true 3 12.5"),
        ("{{ body.numbers }} {{ body.labels }}", '[3, 1, 2, 3] {"severity": "high", "team": "ops"}'),
        ("{{ body.sha[:7] }}", "0123456"),
        ("{{ body.missing | default('none') }}", "none"),
        ("{{ body.missing.deeper | default('none') }}", "none"),
        ("{{ body.nothing | default('none', true) }}", "none"),
        ("{{ body.alerts | first | default('none') }} {{ (body.alerts | last).name | default('none') }}", "none none"),
        (
            "{{ body.alerts | min | d('-') }}{{ body.alerts | max(attribute='x') | d('-') }}{{ '' | first | d('-') }}",
            "---",
        ),
        ("{% if body.missing is defined %}a{% else %}b{% endif %}", "b"),
        ("{{ 'urgent: ' if body.count > 5 }}{{ body.name }}", "relay"),
        ("{{ body.name ~ '-' ~ body.count ~ body.nothing }}", "relay-3"),
        ("{{ body.count * 2 + 1 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ -body.count }} {{ 'a' + 'b' }}", "7 3 3 -3 ab"),
        ("{{ body.items | map(attribute='name') | join(', ') }}", "a, b"),
        ("{{ body.items | selectattr('state', '==', 'firing') | map(attribute='name') | first }}", "a"),
        ("{{ body.items | rejectattr('state', 'eq', 'firing') | list | length }}", "1"),
        (
            "{{ body.items | selectattr('x') | length }}{{ body.items | map(attribute='x', default='?') | first }}",
            "0?",
        ),
        ("{{ body.numbers | unique | sort(reverse=true) | join('>') }}", "3>2>1"),
        (
            "{{ body.numbers | sum }} {{ body.numbers | min }} {{ body.numbers | max }} {{ body.numbers | last }}",
            "9 1 3 3",
        ),
        ("{{ ['a', 'b'] | map('upper') | join }} {{ [0, 1, none] | select | list }}", "AB [1]"),
        ("{{ body.name.upper().replace('RE', 'x') }} {{ 'a b'.split()[1] }} {{ ','.join(['a', 'b']) }}", "xLAY b a,b"),
        ("{{ body.labels.get('team') }} {{ body.labels.get('nobody') }}", "ops"),
        (
            "{% for k, v in body.labels.items() %}{{ k }}={{ v }}{{ ' ' if not loop.last }}{% endfor %}",
            "severity=high team=ops",
        ),
        ("{% for k, v in body.labels | dictsort %}{{ v }}{% endfor %}", "highops"),
        (
            "{% for n in body.numbers if n > 2 %}{{ loop.index }}/{{ loop.length }} {% else %}none{% endfor %}",
            "1/2 2/2",
        ),
        ("{{ 'one two three' | truncate(11) }} {{ 'abcdef' | truncate(5, true, '…') }}", "one two... abcd…"),
        ("{{ 'x y' | title }} {{ ' x ' | trim }} {{ 'a&b' | urlencode }} {{ 'a b' | wordcount }}", "X Y x a%26b 2"),
        (
            "{{ 42.55 | round(1) }} {{ 2.1 | round(0, 'ceil') }} {{ '7' | int + 1 }} {{ 'x' | int(9) }} {{ -2 | abs }}",
            "42.5 3.0 8 9 2",
        ),
        (
            "{{ body.count is odd }} {{ 'x' is string }} {{ 3 is in [1, 3] }} {{ 1 is divisibleby(2) }}",
            "true true true false",
        ),
        ("{{ '%.2f %s' | format(1990 / 100, 'CHF') }} {{ '%d%% of %.0f' | format(7.9, 10) }}", "19.90 CHF 7% of 10"),
        ("{{ '%.2f' | format('19.9' | float) }} {{ '%f' | format(1) }} {{ '%s' | format(none) }}.", "19.90 1.000000 ."),
        ("{{ 'é' | tojson }}", '"é"'),
    ],
)
def test_a_template_shows_what_the_event_holds(source: str, text: str) -> None:
    assert render(source) == text


def test_a_field_named_like_a_method_is_still_a_field() -> None:
    template = compile_template("{{ body.items }} {{ body.get }} {{ body.update }}")

    assert template.render({"body": {"items": 2, "get": "got", "update": "new"}}) == "2 got new"


def test_a_statement_on_its_own_line_leaves_no_empty_line() -> None:
    source = "Alerts:\n  {% for i in body.items %}\n- {{ i.name }}\n{% endfor %}\nBye{% if true %}!{% endif %}\nNow\n\n"

    assert render(source) == "Alerts:\n- a\n- b\nBye!\nNow"


def test_text_is_fit_to_be_sent() -> None:
    assert render("{{ body.half }}") == "cut \N{REPLACEMENT CHARACTER}"
    assert compile_template("{{ body }}\r\nb\rc").render({"body": "a\x00\x1b[31m\t"}) == "a[31m\t\nb\nc"


def test_a_template_tells_which_variables_it_reads() -> None:
    assert compile_template(
        "{{ item.name }}{% for item in body %}{{ x }}{% endfor %}".replace("x", "id")
    ).variables == {
        "body",
        "id",
    }
    assert compile_template("{% for a in body %}{{ a }}{{ source }}{% endfor %}").variables == {"body", "source"}


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("{{ body.name", 1, "end of template"),
        ("a\n{{ bodi.name }}", 2, "'bodi' is undefined: expected one of body, headers, id, item, source"),
        ("{{ body.name | shout }}", 1, "no filter 'shout'"),
        ("{{ body.name is loud }}", 1, "no test 'loud'"),
        ("{% if body.x %}\n{{ body.name.format(1) }}{% endif %}", 2, "only these methods"),
        ("{{ body.name.split(sep=',') }}", 1, "without names"),
        ("{{ body.name.split(*body.numbers) }}", 1, "'*'"),
        ("{% for a in body recursive %}{% endfor %}", 1, "recursive"),
        ("{{ 2 ** 3 }}", 1, "'pow' is not available"),
        ("{{ " + "(" * 500 + "1" + ")" * 500 + " }}", 1, "nested too deeply"),
        ("{{ " + "[" * 90 + "]" * 90 + " }}", 1, "nested too deeply"),
        ("{{ 1" + " + 1" * 100 + " }}", 1, "nested too deeply"),
        ("x" * 8_001, 1, "at most 8000 characters"),
    ],
)
def test_a_wrong_template_is_refused_when_compiled(source: str, line: int, words: str) -> None:
    with pytest.raises(Mistake, match="line") as problem:
        compile_template(source)

    assert problem.value.place == f"line {line}"
    assert words in problem.value.detail


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("{{ body.missing }}", 1, "'missing' is undefined"),
        ("a\n\n{{ body.missing.deeper }}", 3, "'missing' is undefined"),
        ("{{ item.name }}", 1, "'item' is undefined"),
        ("{% if body.missing %}x{% endif %}", 1, "'missing' is undefined"),
        ("{{ body[body.name] }}", 1, "a field or entry in [ ] is undefined"),
        ("{{ body.missing | upper }}", 1, "'missing' is undefined"),
        ("{{ body.missing.strip() }}", 1, "'missing' is undefined"),
        ("{% for x in body.missing %}{% endfor %}", 1, "'missing' is undefined"),
        ("{% for x in body.name %}{% endfor %}", 1, "expected a list"),
        ("{{ body.name + 1 }}", 1, "'+' takes two numbers"),
        ("{{ body.items | sort | first }}", 1, "of another type"),
        ("{{ 1 / 0 }}", 1, "no result"),
        ("{{ 'a'.join(1) }}", 1, "expected a list"),
        ("{{ body.huge }}", 1, "too large"),
        ("{{ body.endless }}", 1, "not finite"),
        ("{{ body.items | map(attribute='owner') | join }}", 1, "no 'owner'"),
        ("{{ body.items | map('missing') | join }}", 1, "name of a filter"),
        ("{{ body.alerts | first }}", 1, "'first' of an empty list or text is undefined"),
        ("{{ (body.alerts | last).name }}", 1, "'last' of an empty list or text is undefined"),
        ("{{ body.alerts | min | upper }}", 1, "'min' of an empty list or text is undefined"),
        ("{% if body.alerts | max %}x{% endif %}", 1, "'max' of an empty list or text is undefined"),
        ("{{ [body.alerts] | map('first') | join }}", 1, "'first' of an empty list or text is undefined"),
        ("{{ '' | last }}", 1, "'last' of an empty list or text is undefined"),
    ],
)
def test_what_cannot_be_rendered_says_why_and_on_which_line(source: str, line: int, words: str) -> None:
    with pytest.raises(Mistake) as problem:
        render(source)

    assert problem.value.place == f"line {line}"
    assert words in problem.value.detail


def test_a_problem_repeats_no_data_of_the_event() -> None:
    for source in ("{{ body.x + 1 }}", "{{ body[body.x] }}", "{{ body.x | round }}", "{{ body | sort }}{{ body.x.a }}"):
        with pytest.raises(Mistake) as problem:
            compile_template(source).render({"body": {"x": "canary", "canary2": {}}})

        assert "canary" not in str(problem.value)


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ ''['__cla' ~ 'ss__'] }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ body.__init__.__globals__ }}",
    "{{ body.name.upper.__self__ }}",
    "{{ body | attr('__class__') }}",
    "{{ [body] | map(attribute='__class__') | list }}",
    "{{ [body] | map('attr', '__class__') | list }}",
    "{{ [body] | map(':method', 'clear') | list }}",
    "{{ [body] | selectattr('__class__') | map(attribute='__class__') | first }}",
    "{{ body.fields.format(body) }}",
    "{{ body.fields | format(body) }}",
    "{{ '{0.__class__}'.format_map({'0': 1}) }}",
    "{{ self.__class__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ config }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ namespace() }}",
    "{{ range(10) }}",
    "{{ dict() }}",
    "{{ joiner() }}",
    "{{ super() }}",
    "{% for x in body.numbers %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in body.numbers %}{{ loop._iterator }}{% endfor %}",
    "{% for x in body.numbers %}{{ loop(x) }}{% endfor %}",
    "{% for x in body.numbers %}{{ loop }}{% endfor %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'x' %}",
    "{% set body = 1 %}",
    "{% set ns.a = 1 %}",
    "{% with a = 1 %}{% endwith %}",
    "{% block a %}{% endblock %}",
    "{% macro a() %}{{ a() }}{% endmacro %}",
    "{% call a() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% do body.clear() %}",
    "{{ body.clear() }}",
    "{{ body.labels.update({'a': 1}) }}",
    "{{ body.labels.pop('team') }}",
    "{{ body.numbers.append(1) }}",
    "{{ (body.name).encode() }}",
    "{{ body.name.translate({}) }}",
    "{{ body['name']['upper']() }}",
    "{{ [].append }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_a_template_reaches_nothing_but_data(source: str) -> None:
    before = repr(EVENT["body"]["labels"])

    with pytest.raises(Mistake):
        render(source)

    assert repr(EVENT["body"]["labels"]) == before


@pytest.mark.parametrize(
    "name", ["__class__", "__init__", "_iterator", "cycle", "changed", "encode", "append", "clear"]
)
def test_attributes_of_python_objects_are_not_there(name: str) -> None:
    values = ("body", "body.name", "body.numbers", "body.count", "body.nothing", "loop")
    tests = " or ".join(f"{value}.{name} is defined or {value}['{name}'] is defined" for value in values)

    assert render(f"{{% for x in [1] %}}{{{{ {tests} }}}}{{% endfor %}}") == "false"


BOMBS = {
    "repeated text": "{{ 'x' * 10**9 }}",
    "repeated text, without powers": "{{ 'x' * 1000000000 }}",
    "repeated list": "{{ [1] * 1000000000 }}",
    "repeated data": "{{ body.name * body.count }}",
    "power": "{{ 10 ** 10 ** 10 }}",
    "growing product": "{{ " + " * ".join(["9" * 60] * 50) + " }}",
    "huge literal": "{{ " + "9" * 7_000 + " }}",
    "huge number of the event": "{{ body.huge * body.huge }}",
    "infinite literal": "{{ 1e999 }}",
    "centred": "{{ 'x' | center(1000000000) }}",
    "centred by method": "{{ 'x'.center(1000000000) }}",
    "padded": "{{ 'x'.zfill(1000000000) }}{{ 'x'.ljust(1000000000) }}",
    "tabs": "{{ '\t'.expandtabs(1000000000) }}",
    "formatted": "{{ '%0999999999d' | format(1) }}",
    "formatted by modulo": "{{ '%0999999999d' % 1 }}",
    "formatted by the event": "{{ body.format % 1 }}",
    "formatted by a test": "{{ body.format is odd }}",
    "formatted by another test": "{{ body.format is divisibleby(7) }}",
    "formatted by a chosen test": "{{ [body.format] | select('even') | list }}",
    "formatted by a method": "{{ '{:999999999}'.format(1) }}",
    "a width": "{{ '%1000000000d' | format(5) }}",
    "places": "{{ '%.99f' | format(5) }}",
    "a place for nothing": "{{ '%s %s' | format(5) }}",
    "nothing's place": "{{ '%s' | format(5, 6) }}",
    "no number": "{{ '%d' | format('5') }}",
    "rounded": "{{ 5 | round(-1000000000) }}",
    "rounded up": "{{ 5 | round(1000000000, 'ceil') }}",
    "wrapped": "{{ body.long | wordwrap(1) }}",
    "indented": "{{ body.long | indent(1000000) }}",
    "xml": "{{ body | xmlattr }}",
    "links": "{{ body.long | urlize }}",
    "batches": "{{ [1] | batch(1000000000, 0) | list }}",
    "long output": "{{ body.long }}",
    "long list": "{{ body.many }}",
    "replaced": "{{ body.long | replace('x', body.long) }}",
    "replaced nothing": "{{ body.long | replace('', body.long) }}",
    "replaced by method": "{{ body.long.replace('x', body.long) | length }}",
    "replaced by many": "{{ body.long | replace('x', '" + "y" * 500 + "') | length }}",
    "replaced by many by method": "{{ body.long.replace('x', '" + "y" * 500 + "') | length }}",
    "replaced in a map": "{{ [body.long] | map('replace', 'x', body.long) | map('length') | sum }}",
    "replaced step by step": "{{ 'x'" + " | replace('x', 'xxxxxxxxxx')" * 20 + " | length }}",
    "joined": "{{ body.long.join(body.many | map('string')) | length }}",
    "joined by filter": "{{ body.many | join(body.long) | length }}",
    "joined text": "{{ (" + " ~ ".join(["body.long"] * 200) + ") | length }}",
    "added text": "{{ (" + " + ".join(["body.long"] * 60) + ") | length }}",
    "copies in a list": "{{ [" + ", ".join(["body.long[:-1]"] * 300) + "] | length }}",
    "copies by filter": "{{ [" + ", ".join(["body.long | upper"] * 300) + "] | length }}",
    "json of copies": "{{ [" + ", ".join(["body.long"] * 500) + "] | tojson | length }}",
    "printed copies": "{{ [" + ", ".join(["body.many"] * 500) + "] }}",
    "long loop": "{% for a in body.many %}{% endfor %}",
    "nested loops": "".join(f"{{% for a{i} in body.numbers %}}" for i in range(9)) + "{% endfor %}" * 9,
    "deeply nested loops": "{% for a in body.numbers %}" * 60 + "{% endfor %}" * 60,
    "filtered loops": "{% for a in body.many if a in body.many %}{% endfor %}",
    "loop that looks ahead": "{% for a in body.many %}{{ loop.length }}{% endfor %}",
    "loop over text": "{% for a in body.long %}{% endfor %}",
    "long output of a loop": "{% for a in body.numbers %}{% for b in body.numbers %}"
    + "x" * 1_500
    + "{% endfor %}{% endfor %}",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS)
def test_a_template_neither_works_for_long_nor_builds_megabytes(source: str) -> None:
    began = time.thread_time()
    tracemalloc.start()
    try:
        with pytest.raises(Mistake):
            render(source)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert time.thread_time() - began < 5
    assert peak < 12 * MEGABYTE


def test_costly_but_honest_work_is_stopped_by_the_clock() -> None:
    source = "{% for a in body.numbers %}{{ body.name in body.many }}{% endfor %}"

    assert render(source) == "falsefalsefalsefalse"
    with pytest.raises(Mistake, match="too long to render"):
        render(source, seconds=-1.0)


def test_each_limit_is_a_parameter() -> None:
    assert render("{{ body.name }}", output_chars=5) == "relay"
    for limits in ({"output_chars": 4}, {"built_chars": 0, "output_chars": 4}):
        with pytest.raises(Mistake, match="at most 4 characters"):
            render("{{ body.name }}", **limits)
    with pytest.raises(Mistake, match="loops too often"):
        render("{% for a in body.numbers %}{% endfor %}", iterations=4)
    assert render("{% for a in body.numbers %}{% endfor %}", iterations=5) == ""
    with pytest.raises(Mistake, match="builds too much"):
        render("{{ body.name | upper }}", built_chars=4)


def test_one_rendering_leaves_the_next_its_full_means() -> None:
    template = compile_template("{{ body.name | upper }}", TemplateLimits(built_chars=5))

    assert [template.render(EVENT) for _ in range(3)] == ["RELAY"] * 3
