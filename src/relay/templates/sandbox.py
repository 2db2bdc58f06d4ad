"""Compiles templates: only listed syntax gets through, and it runs on `template_operators` instead of Python's own."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import TracebackType
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2 import Template as Program
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from relay.message.cleaning import message_text
from relay.problems import Mistake
from relay.templates.budget import Refused, begin, budget, text_of
from relay.templates.filters import FILTERS, TESTS
from relay.templates.operators import METHODS, calculate, call_method, concat, defined, entries, look_up, negate, part
from relay.templates.templates import VARIABLES, Template, TemplateLimits

_DEEPEST = 64
_LOOP_FIELDS = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
_SYNTAX: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For),
    *(nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call, nodes.Filter, nodes.Test, nodes.Keyword, nodes.CondExpr),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos),
    *(nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
)
# A statement alone on its line leaves no empty line: its line's end moves into the statement, so line numbers stay.
_LONELY_STATEMENT = re.compile(r"(?m)^[ \t]*(\{%(?:[^%\n]|%(?!\}))*)(?<![-+])%\}[ \t]*\n")
# All that jinja2, the generated program and our operators raise on what a template or an event can hold.
_FAULTS = (
    *(TemplateError, SyntaxError, ArithmeticError, AssertionError, AttributeError, LookupError),
    *(MemoryError, NameError, RuntimeError, TypeError, ValueError),
)
_DETAILS: tuple[tuple[type[Exception], str], ...] = (
    (RecursionError, "it is nested too deeply"),
    (MemoryError, "it needs too much memory"),
    (SyntaxError, "it is nested too deeply"),
    (ArithmeticError, "a calculation has no result"),
    (TypeError, "a value or an argument is of another type than expected"),
)


def compile_source(source: str, limits: TemplateLimits) -> Template:
    """Parses, checks and compiles `source`; raises Mistake."""
    environment = _environment()
    try:
        tree = environment.parse(_LONELY_STATEMENT.sub(r"\1\n%}", source))
        variables = _check(tree)
        code = environment.compile(_rewrite(tree))
        program = Program.from_code(environment, code, {})
    except _FAULTS as fault:
        raise Mistake(_detail(fault), f"line {getattr(fault, 'lineno', None) or 1}") from None

    def render(values: Mapping[str, Any]) -> str:
        begin(iterations=limits.iterations, characters=limits.built_chars, seconds=limits.seconds)
        try:
            return message_text("".join(_pieces(program, values, limits.output_chars)))
        except _FAULTS as fault:
            raise Mistake(_detail(fault), f"line {_line(program, fault.__traceback__)}") from None

    return Template(source, variables, render)


def _pieces(program: Program, values: Mapping[str, Any], most: int) -> Iterator[str]:
    left = most
    for piece in program.root_render_func(program.new_context(dict(values))):
        left -= len(piece)
        if left < 0:
            raise Refused(f"the text is too long: expected at most {most} characters")
        yield piece


def _line(program: Program, trace: TracebackType | None) -> int:
    """Gives the template's line in which the program was last seen."""
    line = 1
    while trace is not None:
        if trace.tb_frame.f_globals.get("__jinja_template__") is program:
            line = program.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line


def _detail(fault: Exception) -> str:
    """Says what is wrong in words that hold no data of the event, which Python's own messages might."""
    if isinstance(fault, TemplateError):
        return fault.message or "it can't be parsed"
    if isinstance(fault, Refused):
        return str(fault)
    return next((detail for kind, detail in _DETAILS if isinstance(fault, kind)), "a value doesn't fit")


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, with every access to a value replaced by ours."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        budget().tick()
        if isinstance(obj, LoopContext) and attribute in _LOOP_FIELDS:
            return getattr(obj, attribute)
        return self._field(obj, attribute, f"'{attribute}' is undefined")

    def getitem(self, obj: Any, argument: Any) -> Any:
        budget().tick()
        # A name that is computed may be data of the event: it is not repeated.
        return self._field(obj, defined(argument), "a field or entry in [ ] is undefined")

    def _field(self, obj: Any, key: Any, hint: str) -> Any:
        if isinstance(obj, Undefined):
            return obj
        try:
            return look_up(obj, key)
        except KeyError:
            return self.undefined(hint)

    def call(self, *_args: Any, **_kwargs: Any) -> Any:
        raise Refused("only methods of texts and objects can be called")

    def call_binop(self, _context: Context, operator: str, left: Any, right: Any) -> Any:
        return calculate(operator, left, right)

    def call_unop(self, _context: Context, operator: str, arg: Any) -> Any:
        return negate(operator, arg)


def _each(values: Any) -> Iterator[Any]:
    return budget().each(entries(values))


def _ticked(value: Any) -> Any:
    budget().tick()
    return value


# What `_rewrite` puts into the tree; a colon keeps templates from naming them.
_INTERNALS = {":concat": concat, ":each": _each, ":method": call_method, ":part": part, ":ticked": _ticked}


@cache
def _environment() -> _Environment:
    environment = _Environment(
        undefined=StrictUndefined, finalize=text_of, autoescape=False, optimized=False, cache_size=0
    )
    environment.globals = {}
    environment.filters = {**FILTERS, **_INTERNALS}
    environment.tests = dict(TESTS)
    return environment


class _Unwanted(Refused):
    """Syntax that the text of a message has no need of."""

    def __init__(self, node: nodes.Node, detail: str) -> None:
        super().__init__(detail)
        self.lineno = node.lineno


def _check(tree: nodes.Template) -> frozenset[str]:
    """Refuses what isn't listed; gives the names that the template reads."""
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"} | {"loop"}
    read: set[str] = set()
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEEPEST:
            raise _Unwanted(node, "it is nested too deeply")
        if not isinstance(node, _SYNTAX):
            raise _Unwanted(node, f"'{type(node).__name__.lower()}' is not available in templates")
        if isinstance(node, nodes.Name) and node.name not in own:
            read.add(_variable(node))
        if (check := _CHECKS.get(type(node))) is not None:
            check(node)
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]
    return frozenset(read)


def _variable(name: nodes.Name) -> str:
    if name.name not in VARIABLES:
        raise _Unwanted(name, f"'{name.name}' is undefined: expected one of {', '.join(sorted(VARIABLES))}")
    return name.name


def _check_call(call: Any) -> None:
    if not (isinstance(call.node, nodes.Getattr) and call.node.attr in METHODS):
        raise _Unwanted(call, f"only these methods can be called: {', '.join(sorted(METHODS))}")
    if call.kwargs:
        raise _Unwanted(call, f"'.{call.node.attr}()' takes its arguments without names")
    _check_arguments(call)


def _check_filter(use: Any) -> None:
    if use.node is None or use.name not in FILTERS:
        raise _Unwanted(use, f"there is no filter '{use.name}': expected one of {', '.join(sorted(FILTERS))}")
    _check_arguments(use)


def _check_test(use: Any) -> None:
    if use.name not in TESTS:
        raise _Unwanted(use, f"there is no test '{use.name}': expected one of {', '.join(sorted(TESTS))}")
    _check_arguments(use)


def _check_arguments(use: Any) -> None:
    if use.dyn_args is not None or use.dyn_kwargs is not None:
        raise _Unwanted(use, "'*' and '**' before an argument are not available in templates")


def _check_loop(loop: Any) -> None:
    if loop.recursive:
        raise _Unwanted(loop, "a recursive loop is not available in templates")


_CHECKS: dict[type[nodes.Node], Callable[[Any], None]] = {
    nodes.Call: _check_call,
    nodes.Filter: _check_filter,
    nodes.Test: _check_test,
    nodes.For: _check_loop,
}


def _rewrite(node: Any) -> Any:
    """Leads syntax that Jinja2 would hand straight to Python through our operators."""
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, name, _rewrite(value))
        elif isinstance(value, list):
            setattr(node, name, [_rewrite(entry) if isinstance(entry, nodes.Node) else entry for entry in value])
    change = _REWRITES.get(type(node))
    return node if change is None else change(node)


def _through(internal: str, value: nodes.Expr, *args: nodes.Expr, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(value, internal, list(args), [], None, None, lineno=node.lineno, environment=node.environment)


def _constant(value: Any, node: nodes.Node) -> nodes.Const:
    return nodes.Const(value, lineno=node.lineno, environment=node.environment)


def _rewrite_call(call: Any) -> nodes.Node:
    return _through(":method", call.node.node, _constant(call.node.attr, call), *call.args, node=call)


def _rewrite_concat(join: Any) -> nodes.Node:
    values = nodes.List(join.nodes, lineno=join.lineno, environment=join.environment)
    return _through(":concat", values, node=join)


def _rewrite_getitem(item: Any) -> Any:
    if isinstance(item.arg, nodes.Slice):
        bounds = (item.arg.start, item.arg.stop, item.arg.step)
        return _through(":part", item.node, *(bound or _constant(None, item) for bound in bounds), node=item)
    if isinstance(item.arg, nodes.Const) and isinstance(item.arg.value, str):
        return nodes.Getattr(item.node, item.arg.value, "load", lineno=item.lineno, environment=item.environment)
    return item


def _rewrite_compare(compare: Any) -> Any:
    compare.expr = _through(":ticked", compare.expr, node=compare)
    return compare


def _rewrite_choice(choice: Any) -> Any:
    choice.expr2 = choice.expr2 or _constant("", choice)
    return choice


def _rewrite_loop(loop: Any) -> Any:
    loop.iter = _through(":each", loop.iter, node=loop)
    return loop


_REWRITES: dict[type[nodes.Node], Callable[[Any], Any]] = {
    nodes.Call: _rewrite_call,
    nodes.Concat: _rewrite_concat,
    nodes.Getitem: _rewrite_getitem,
    nodes.Compare: _rewrite_compare,
    nodes.CondExpr: _rewrite_choice,
    nodes.For: _rewrite_loop,
}
