"""Templates say what an event holds, and no event makes one loop for long or build megabytes."""

import time
import tracemalloc
from typing import Any

import pytest

from relay import limits
from relay.problems import Mistake
from relay.templates import compile_template

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


def render(source: str) -> str:
    return compile_template(source).render(EVENT)


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
        ("{{ body.items | selectattr('x', 'defined') | length }}", "0"),
        ("{{ body.items | map(attribute='x', default='?') | first }}", "?"),
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
        ("{{ 'one two three four' | truncate(11) }} {{ 'abcdef' | truncate(5, true, '…', 0) }}", "one two... abcd…"),
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
    template = compile_template("{{ body.items }} {{ body.get }} {{ body['update'] }} {{ body.items() | length }}")

    assert template.render({"body": {"items": 2, "get": "got", "update": "new"}}) == "2 got new 3"


def test_a_method_s_name_without_a_call_is_a_missing_field() -> None:
    assert render("{{ body.labels.items | default('none') }} {{ body.name.upper is defined }}") == "none false"
    assert render("{% for entry in body.labels.values | default([]) %}x{% endfor %}") == ""
    with pytest.raises(Mistake, match="'keys' is undefined"):
        render("{{ body.labels.keys }}")


@pytest.mark.parametrize("name", ["capitalize", "lower", "replace('a', 'b')", "title", "trim", "truncate", "upper"])
def test_null_stays_an_empty_text_in_filters_for_texts(name: str) -> None:
    assert render(f"[{{{{ body.nothing | {name} }}}}]") == "[]"


def test_other_values_are_joined_as_they_print() -> None:
    assert render("{{ [none, true, 1.5, {'a': 1}] | join(';') }}") == ';true;1.5;{"a": 1}'
    assert render("{{ none ~ true ~ [1] }} {{ '%s %s' | format(none, false) }}") == "true[1]  false"


def test_groups_and_lazy_filters_print_as_lists() -> None:
    source = (
        "{% for group in body.items | groupby('state') %}{{ group.grouper }}:{{ group.list | length }} {% endfor %}"
    )

    assert render(source) == "firing:1 ok:1"
    assert (
        render("{{ body.numbers | map('string') }} {{ body.numbers | reverse }}") == '["3", "1", "2", "3"] [3, 2, 1, 3]'
    )
    assert render("{{ body.labels.keys() }} {{ (body.numbers | select('odd'))[1] }}") == '["severity", "team"] 1'


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
        ("{% if body.x %}\n\n{{ 'a' | shout }}{% endif %}", 3, "no filter 'shout': expected one of abs, capitalize"),
        ("{% if body.x %}{{ 'a' is loud }}{% endif %}", 1, "no test 'loud': expected one of !=, <"),
        ("{{ body.name.upper }}{{ (body.name)() }}", 1, "only these methods"),
        ("{{ " + "(" * 500 + "1" + ")" * 500 + " }}", 1, "nested too deeply"),
        ("{{ " + "[" * 90 + "]" * 90 + " }}", 1, "nested too deeply"),
        ("{% for a in body %}" * 30 + "{% endfor %}" * 30, 1, "nested too deeply"),
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
        ("{{ body.name * 2 }}", 1, "'*' takes two numbers"),
        ("{{ 1 + body.missing }}", 1, "'missing' is undefined"),
        ("{{ body.items | sort | first }}", 1, "'sort' can't take such a value or argument"),
        ("{{ body.name | sum }}", 1, "'sum' can't take such a value or argument"),
        ("{{ body.missing | abs }}", 1, "'missing' is undefined"),
        ("{{ body.name is odd }}", 1, "expected a number"),
        ("{{ body.count.upper() }}", 1, "'.upper()' can't be called on that value"),
        ("{{ [body.missing] }}", 1, "'missing' is undefined"),
        ("{{ '%d' | format('5') }}", 1, "'format' can't take such a value or argument"),
        ("{{ '%s %s' | format(5) }}", 1, "'format' can't take such a value or argument"),
        ("{{ 1 / 0 }}", 1, "no result"),
        ("{{ 'a'.join(1) }}", 1, "of another type"),
        ("{{ body.huge }}", 1, "doesn't fit"),
        ("{{ body.endless }}", 1, "doesn't fit"),
        ("{{ body.huge + 1 }}", 1, "too large"),
        ("{{ body.endless + 1 }}", 1, "too large"),
        ("{{ body.items | map(attribute='owner') | join }}", 1, "'owner' is undefined"),
        ("{{ body.items | map('missing') | join }}", 1, "no such filter"),
        ("{{ body.alerts | first }}", 1, "No first item, sequence was empty."),
        ("{{ (body.alerts | last).name }}", 1, "No last item, sequence was empty."),
        ("{{ body.alerts | min | upper }}", 1, "No aggregated item, sequence was empty."),
        ("{% if body.alerts | max %}x{% endif %}", 1, "No aggregated item, sequence was empty."),
        ("{{ [body.alerts] | map('first') | join }}", 1, "No first item, sequence was empty."),
        ("{{ '' | last }}", 1, "No last item, sequence was empty."),
    ],
)
def test_what_cannot_be_rendered_says_why_and_on_which_line(source: str, line: int, words: str) -> None:
    with pytest.raises(Mistake) as problem:
        render(source)

    assert problem.value.place == f"line {line}"
    assert words in problem.value.detail


def test_a_problem_repeats_no_data_of_the_event() -> None:
    for source in (
        *("{{ body.x + 1 }}", "{{ body[body.x] }}", "{{ body.x | round }}", "{{ body | sort }}{{ body.x.a }}"),
        *(
            "{{ [body.x] | map(body.x) | list }}",
            "{{ [body] | map(attribute=body.x) | first }}",
            "{{ body.x | float + [] }}",
        ),
        *("{{ [1] | map(**body) | list }}", "{{ body.x | truncate(2) }}", "{{ 'a' | round(0, body.x) }}"),
        *("{{ (1, 2)[body.x] }}", "{{ '%d' | format(body.x) }}", "{{ {'a': 1}[body.x] }}"),
    ):
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


@pytest.mark.parametrize("name", ["__class__", "__init__", "_iterator", "encode", "append", "clear"])
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
    "places": "{{ '%.9999f' | format(5) }}",
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


SHARED = "x" * 100_000
HOSTILE: dict[str, Any] = {
    "text": "x" * 1_000,
    "n": 10**18,
    "digits": -(10**9),
    "one": 1,
    "long": SHARED,
    "wide": "%0999999999d",
    "star": "%*d",
    "percent": "%999999999%",
    "margin": "y" * 200_000,
    "cut": "z" * 200_000 + "y",
    "without": [{"a": number} for number in range(20_000)],
    "owner": {"name": SHARED},
    "lists": [[0]] * 80_000,
    "colliding": [number * (2**61 - 1) for number in range(4_000)] + [3_999 * (2**61 - 1)] * 40_000,
    "many": list(range(50_000)),
}
# Each is something that an operator could write; it is the event that makes it large.
COSTLY = {
    "repeated": "{{ body.text * body.n }}",
    "power": "{{ body.n ** body.n }}",
    "power of one": "{{ 2 ** body.n }}",
    "product": "{{ body.n * body.n * body.n * body.n * body.n }}",
    "added": "{{ (" + " + ".join(["body.long"] * 50) + ") | length }}",
    "concatenated": "{{ (" + " ~ ".join(["body.long"] * 50) + ") | length }}",
    "width": "{{ body.wide | format(body.one) }}",
    "chosen width": "{{ body.star | format(body.n, 1) }}",
    "width of nothing": "{{ body.percent | format }}",
    "modulo": "{{ body.wide % body.one }}",
    "odd": "{{ 'odd' if body.wide is odd else 'even' }}",
    "divided": "{{ body.wide is divisibleby(2) }}",
    "rounded": "{{ body.one | round(body.digits) }}",
    "replaced": "{{ body.long | replace('x', body.text) | length }}",
    "replaced nothing": "{{ body.long | replace('', body.text) | length }}",
    "replaced by method": "{{ body.long.replace('x', body.text) | length }}",
    "joined": "{{ body.many | join(body.text) | length }}",
    "joined by method": "{{ body.text.join(body.many | map('string')) | length }}",
    "trimmed": "{{ body.cut | trim(body.margin) }}",
    "stripped": "{{ body.cut.strip(body.margin) | length }}",
    "defaults": "{{ body.without | map(attribute='name', default=body.long) | sort | length }}",
    "defaults by filter": "{{ body.without | map(attribute='o', default=body.long) | map('upper') | list | length }}",
    "shared attribute": "{{ body.without | map(attribute='o', default=body.owner) | sort(attribute='name') | length }}",
    "shared objects": "{{ body.without | map(attribute='o', default=body.owner) | list | tojson | length }}",
    "shared and wrong": "{{ body.without | map(attribute='o', default=body.owner) | unique | length }}",
    "shared lists": "{{ body.without[:1500] | map(attribute='o', default=body.many) | sum(start=[]) | length }}",
    "groups": "{{ body.without | groupby('name', default=body.long) | length }}",
    "flattened": "{{ body.lists | sum(start=[]) | length }}",
    "unique": "{{ body.colliding | unique | list | length }}",
    "looked up": "{{ body.many | select('in', body.many) | list | length }}",
    "rejected": "{{ body.many | reject('in', body.many) | list | length }}",
    "iterations": "{% for a in body.many %}{% endfor %}",
    "nested": "{% for a in body.without[:150] %}{% for b in body.without[:150] %}{% endfor %}{% endfor %}",
    "nested lookups": "{% for a in body.many[:9000] if a in body.many %}{% endfor %}",
    "output": "{% for a in body.without[:300] %}{{ body.text }}{% endfor %}",
    "json": "{{ body }}",
}


@pytest.mark.parametrize("source", COSTLY.values(), ids=COSTLY)
def test_no_event_makes_an_honest_template_work_for_long_or_build_megabytes(source: str) -> None:
    template = compile_template(source)
    began = time.thread_time()
    tracemalloc.start()
    try:
        with pytest.raises(Mistake):
            template.render({"body": HOSTILE})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert time.thread_time() - began < 1.5  # tracing makes it some times slower
    assert peak < 12 * MEGABYTE


@pytest.mark.parametrize(
    "use",
    [
        *("attr('x')", "batch(2)", "center", "e", "escape", "forceescape", "indent", "pprint", "random", "safe"),
        *("slice(2)", "striptags", "urlize", "wordwrap", "xmlattr"),
    ],
)
def test_filters_that_a_message_has_no_need_of_are_not_there(use: str) -> None:
    name = use.partition("(")[0]
    with pytest.raises(Mistake, match=f"there is no filter '{name}'"):
        compile_template(f"{{{{ body.name | {use} }}}}")
    with pytest.raises(Mistake, match="no such filter"):
        render(f"{{{{ [body.name] | map('{name}') | list }}}}")


def test_costly_but_honest_work_is_stopped_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "{% for a in body.numbers %}{{ body.name in body.many }}{% endfor %}"

    assert render(source) == "falsefalsefalsefalse"
    monkeypatch.setattr(limits, "TEMPLATE_SECONDS", -1.0)
    with pytest.raises(Mistake, match="too long to render"):
        render(source)


@pytest.mark.parametrize(
    ("name", "enough", "source", "words"),
    [
        ("TEXT_CHARS", 5, "{{ body.name }}", "at most 4 characters"),
        ("TEMPLATE_ITERATIONS", 4, "{% for a in body.numbers %}{% endfor %}", "loops too often"),
        ("TEMPLATE_BUILT_CHARS", 5, "{{ body.name | upper }}", "builds too much"),
        ("TEMPLATE_EXPONENT", 3, "{{ 2 ** body.count }}", "exponent is too large"),
        ("TEMPLATE_NUMBER", 6, "{{ body.count * 2 }}", "number is too large"),
    ],
)
def test_each_limit_is_exact(monkeypatch: pytest.MonkeyPatch, name: str, enough: int, source: str, words: str) -> None:
    monkeypatch.setattr(limits, name, enough)
    assert [render(source) for _ in range(2)] == [render(source)] * 2  # each rendering has its full means
    monkeypatch.setattr(limits, name, enough - 1)
    with pytest.raises(Mistake, match=words):
        render(source)
