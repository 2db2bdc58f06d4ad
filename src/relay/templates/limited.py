"""Jinja2's own sandbox, filters and tests, each of which pays for what an event's data makes it build."""

import re
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from functools import partial, wraps
from traceback import walk_tb
from types import TracebackType
from typing import Any

from jinja2 import StrictUndefined, TemplateAssertionError, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2 import Template as Program
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS

from relay import limits
from relay.message.cleaning import message_text
from relay.problems import Mistake
from relay.templates.budget import Refused, begin, budget, checked_number, json_text, mismatch, text_of

Function = Callable[..., Any]

# A statement that is alone on its line must not leave an empty line in the text. So its newline is moved inside the
# statement, which keeps the line numbers.
_LONELY_STATEMENT = re.compile(r"(?m)^[ \t]*(\{%(?:[^%\n]|%(?!\}))*)(?<![-+])%\}[ \t]*\n")
# Jinja2, the generated program and its functions raise these on what a template or an event can hold.
_FAULTS = (
    *(TemplateError, SyntaxError, ArithmeticError, AssertionError, AttributeError, LookupError),
    *(MemoryError, NameError, RuntimeError, TypeError, ValueError),
)
# Jinja2's and Python's own words may quote data of the event, so these are said instead.
_DETAILS = (
    (TemplateError, "there is no such filter or test, or it is used in a wrong way"),
    ((RecursionError, SyntaxError), "it is nested too deeply"),
    (ArithmeticError, "a calculation has no result"),
    (TypeError, "a value or an argument is of another type than expected"),
    (Exception, "a value doesn't fit"),
)


def compile_limited(
    source: str, variables: frozenset[str]
) -> tuple[frozenset[str], Callable[[Mapping[str, Any]], str]]:
    """Gives which of the `variables` a template reads, and the function that renders it; both raise Mistake."""
    begin(source)
    try:
        tree = _ENVIRONMENT.parse(_LONELY_STATEMENT.sub(r"\1\n%}", source))
        read = _names_read(tree, variables)
        for node in tree.find_all(nodes.Node):
            _limit(node)
        program = Program.from_code(_ENVIRONMENT, _ENVIRONMENT.compile(tree), {})
    except _FAULTS as fault:
        line = fault.lineno if isinstance(fault, TemplateSyntaxError) else 1
        raise Mistake(_detail(fault), f"line {line}") from None

    def render(values: Mapping[str, Any]) -> str:
        begin(source)
        try:
            pieces = program.root_render_func(program.new_context(dict(values)))
            return message_text("".join(map(budget().shown, pieces)))
        except _FAULTS as fault:
            raise Mistake(_detail(fault), f"line {_line(program, fault.__traceback__)}") from None

    return read, render


def _line(program: Program, trace: TracebackType | None) -> int:
    """Gives the template's line in which the program was last seen."""
    lines = [line for frame, line in walk_tb(trace) if frame.f_globals.get("__jinja_template__") is program]
    return program.get_corresponding_lineno(lines[-1]) if lines else 1


def _detail(fault: Exception) -> str:
    if isinstance(fault, TemplateSyntaxError | UndefinedError | Refused):  # made of the template's own words
        return str(fault.args[0])
    return next(detail for kinds, detail in _DETAILS if isinstance(fault, kinds))


def _names_read(tree: nodes.Template, variables: frozenset[str]) -> frozenset[str]:
    """Gives which of the `variables` a template reads. Any other name must be that of one of its loops."""
    names = list(tree.find_all(nodes.Name))
    own = {name.name for name in names if name.ctx != "load"} | {"loop"}
    for name in names:
        if name.name not in own | variables:
            raise _refusal(name, f"'{name.name}' is undefined: expected one of", variables)
    return variables & {name.name for name in names} - own


def _limit(node: nodes.Node) -> None:
    """Refuses syntax that a message's text has no need of, and leads some of the rest through the limits."""
    match node:
        case nodes.Filter(name=name) if name not in _ENVIRONMENT.filters:
            raise _refusal(node, f"there is no filter '{name}': expected one of", _FILTERS)
        case nodes.Test(name=name) if name not in _TESTS:
            raise _refusal(node, f"there is no test '{name}': expected one of", _TESTS)
        case nodes.Call(node=nodes.Getattr(node=owner, attr=name)) if name in _METHODS:
            node.node = _through(":method", owner, nodes.Const(name))
        case nodes.Call():
            raise _refusal(node, "only these methods can be called:", _METHODS)
        case nodes.For():
            node.iter = _through(":each", node.iter)
        case nodes.Concat():
            node.nodes = [_through(":concat", nodes.List(node.nodes))]
        case nodes.CondExpr(expr2=None):
            node.expr2 = nodes.Const("")
        case nodes.Stmt() if not isinstance(node, nodes.Output | nodes.If):
            raise _refusal(node, f"'{type(node).__name__.lower()}' is not available in templates")


def _through(internal: str, value: Any, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, internal, list(args), [], None, None)


def _refusal(node: nodes.Node, detail: str, expected: Iterable[str] = ()) -> TemplateAssertionError:
    return TemplateAssertionError(f"{detail} {', '.join(sorted(expected))}".strip(), node.lineno)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, in which `a.b` and `a['b']` give a field of the event, and nothing of the Python object."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext | tuple):  # `loop.index`, or the `grouper` of groupby
            return super().getattr(obj, attribute)
        return self._field(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        found = self._field(obj, argument)
        # `sort` and others copy the attribute of each entry. Entries may share one long text, so each copy is paid for.
        budget().spend(_size(found))
        return found

    def _field(self, obj: Any, key: Any) -> Any:
        budget().spend()
        if isinstance(obj, Undefined):
            return obj
        try:
            return obj[key]
        except (LookupError, TypeError):
            # A computed name may be data of the event, so only a name that the template itself holds is repeated.
            known = isinstance(key, str) and key in budget().source
            return self.undefined(f"'{key}' is undefined" if known else "a field or entry in [ ] is undefined")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculates with numbers only, because `*` and `%` make texts of any length. `+` joins texts or lists, too."""
        budget().spend()
        if isinstance(left, int | float) and isinstance(right, int | float):
            if operator == "**" and abs(right) > limits.TEMPLATE_EXPONENT:
                raise Refused("an exponent is too large")
            return checked_number(super().call_binop(context, operator, checked_number(left), checked_number(right)))
        if operator == "+" and any(isinstance(left, kind) and isinstance(right, kind) for kind in (str, list)):
            budget().spend(len(left) + len(right))
            return left + right
        raise mismatch(
            right if isinstance(right, Undefined) else left,
            f"'{operator}' takes two numbers; '~' joins values into a text",
        )


# These are for HTML, for Python's values or for columns; `random` would change the message of a repeated event.
_LEFT_OUT = {
    *("attr", "batch", "center", "e", "escape", "forceescape", "indent", "pprint", "random", "safe", "slice"),
    *("striptags", "urlize", "wordwrap", "xmlattr"),
}
# These convert their value first: null becomes an empty text, and no text is taken for a number, as `%` would.
_TAKEN_AS: dict[str, Function] = {
    **dict.fromkeys(("capitalize", "format", "lower", "replace", "title", "trim"), text_of),
    **dict.fromkeys(("truncate", "upper", "urlencode", "wordcount"), text_of),
    **dict.fromkeys(("divisibleby", "even", "odd"), checked_number),
}
# An event can choose the arguments of these, so they may do far more work than the size of their value suggests. Each
# function takes the same parameters as the Jinja2 function of that name.
_COSTS: dict[str, Function] = {
    **dict.fromkeys(("lstrip", "rstrip", "strip", "trim"), lambda text, chars="": len(text) * len(chars) // 100),
    "groupby": lambda value, attribute, default="", **_more: len(value) * len(str(default or attribute)),
    "replace": lambda text, old, new, *_rest, **_more: text.count(str(old)) * len(str(new)),
    "round": lambda _value, precision=0, *_rest, **_more: precision**2,
    "sum": lambda value, _attribute=None, start=0, **_more: len(value) ** 2 if isinstance(start, list) else 0,
}
_LAZY = (Iterator, KeysView, ItemsView, ValuesView)


def _size(value: Any) -> int:
    """Counts a text's characters, or a list's entries with what is in each, because all may share one long text."""
    if isinstance(value, list):
        return sum(len(entry) + 1 if isinstance(entry, str | list) else 1 for entry in value)
    return len(value) if isinstance(value, str) else 0


def _limited(name: str, function: Any) -> Function:
    """Makes each call of a filter, test or method look at the clock, pay for its result, and give no lazy iterator."""
    take, cost = _TAKEN_AS.get(name), _COSTS.get(name)
    place = 1 if hasattr(function, "jinja_pass_arg") else 0  # of the value; Jinja2's own argument comes before it

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        before, (value, *rest) = args[:place], args[place:]
        try:
            value = take(value) if take else value
            if cost:
                budget().spend(cost(value, *rest, **kwargs))
            result: Any = function(*before, value, *rest, **kwargs)
            if isinstance(result, _LAZY):
                result = list(budget().paced(result))
        except (AssertionError, AttributeError, TypeError):
            raise mismatch(value, f"'{name}' can't take such a value or argument") from None
        budget().spend(_size(result))
        return result

    return call


_PLACEHOLDER = re.compile(r"%%|%[-+ #0]*[0-9]{0,3}(?:\.[0-9]{1,3})?[a-zA-Z]")


def _format(text: str, *args: Any) -> str:
    if "%" in _PLACEHOLDER.sub("", text):
        raise Refused("format takes placeholders such as %s, %d and %.2f, with numbers of at most three digits")
    return text % tuple(arg if type(arg) in {int, float} else text_of(arg) for arg in args)


def _join(values: Iterable[Any], d: Any = "", attribute: Any = None) -> str:
    texts = [text_of(value) for value in map(make_attrgetter(_ENVIRONMENT, attribute), values)]
    budget().spend(sum(map(len, texts)) + len(text_of(d)) * len(texts))
    return text_of(d).join(texts)


def _unique(values: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
    # Integers can be chosen to collide in a hash table, so the clock is looked at before each.
    return FILTERS["unique"](_ENVIRONMENT, budget().paced(values), *args, **kwargs)


def _method(value: Any, name: str) -> Function:
    """Gives a method of a text or object; a field of the same name doesn't hide it."""
    kind, method = _METHODS[name]
    if not isinstance(value, kind):
        raise mismatch(value, f"'.{name}()' can't be called on that value")
    return partial(method, value)


_TEXT_METHODS = (
    *("capitalize", "count", "endswith", "find", "isalpha", "isdigit", "lower", "lstrip", "removeprefix"),
    *("removesuffix", "replace", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"),
)
_METHODS: dict[str, tuple[type, Function]] = {
    **{name: (str, _limited(name, getattr(str, name))) for name in _TEXT_METHODS},
    **{name: (dict, _limited(name, getattr(dict, name))) for name in ("get", "items", "keys", "values")},
    "join": (str, lambda text, values: _join(values, text)),
}
_OWN = {"format": _format, "join": _join, "string": text_of, "tojson": json_text, "unique": _unique}
_FILTERS = {name: _limited(name, _OWN.get(name, FILTERS[name])) for name in FILTERS.keys() - _LEFT_OUT}
_TESTS = {name: _limited(name, function) for name, function in TESTS.items()}
# Templates can't name these because of the colon; `_limit` leads syntax through them.
_INTERNALS = {":concat": _join, ":each": lambda values: budget().looped(values), ":method": _method}
_ENVIRONMENT = _Environment(undefined=StrictUndefined, finalize=text_of, optimized=False)
_ENVIRONMENT.globals, _ENVIRONMENT.filters, _ENVIRONMENT.tests = {}, {**_FILTERS, **_INTERNALS}, {**_TESTS}
