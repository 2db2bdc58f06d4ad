"""JMESPath expressions of the configuration, checked when they are loaded; errors name the expression, never the data.

A name that no event can have is refused. It would evaluate to null, which counts as false, so a typo would silently
drop every event.
"""

import re
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from relay import limits
from relay.problems import Mistake


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    source: str
    _compiled: Any = field(repr=False, compare=False)

    @property
    def tree(self) -> dict[str, Any]:
        """The syntax tree, whose nodes are `{type, children, value}` as jmespath makes them."""
        tree: dict[str, Any] = self._compiled.parsed
        return tree

    def search(self, data: Any, part: dict[str, Any] | None = None) -> Any:
        """Gives what the expression, or a part of its tree, finds in JSON data, or None if it finds nothing.

        Raises:
            Mistake: a function was given a value that it can't take.
        """
        try:
            return self._compiled.search(data) if part is None else _visit(part, data)
        except _FAULTS as fault:
            raise _mistake(self.source, _detail(fault)) from None


# Everything that jmespath raises on hostile expressions and data; its own errors are ValueErrors.
_FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


@lru_cache(maxsize=512)
def compile_expression(source: str, variables: frozenset[str] | None = None) -> Expression:
    """Compiles `source`, once per process.

    Args:
        source: the expression.
        variables: the top-level fields of the data, such as `body` and `headers`; None leaves names unchecked.

    Raises:
        Mistake: the syntax is wrong, a function is unknown or lacks arguments, or it reads no variable.
    """
    if len(source) > limits.EXPRESSION_CHARS:
        raise _mistake(source[:40] + "…", f"too long: expected at most {limits.EXPRESSION_CHARS} characters")
    try:
        compiled = _compiled(source)
        _check_functions(compiled.parsed)
        if variables is not None:
            _Names(variables).read(compiled.parsed, _ROOT)
    except _FAULTS as fault:
        raise _mistake(source, _detail(fault, source)) from None
    return Expression(source, compiled)


def _visit(part: Any, data: Any) -> Any:
    from jmespath.visitor import TreeInterpreter

    return TreeInterpreter().visit(part, data)


def _compiled(source: str) -> Any:
    import jmespath

    with warnings.catch_warnings():
        # jmespath takes a `literal` without JSON quotes for a text, and only warns of it.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        compiled = jmespath.compile(source)
        _check_texts(source)
    return compiled


def _mistake(source: str, detail: str) -> Mistake:
    return Mistake(f"{detail}, in the expression {source!r}")


class _Misused(ValueError):
    pass


def _check_functions(tree: dict[str, Any]) -> None:
    """Refuses unknown functions and wrong numbers of arguments, which jmespath finds only once an event comes."""
    waiting = [(tree, None)]
    while waiting:
        node, parent = waiting.pop()
        kind = node["type"]
        if kind == "function_expression":
            _check_function(node["value"], len(node["children"]))
        if kind == "expref" and parent != "function_expression":
            raise _Misused("'&' is for arguments of functions only")
        waiting += [(child, kind) for child in node["children"] if isinstance(child, dict)]


def _check_function(name: str, given: int) -> None:
    from jmespath.functions import Functions

    if name not in Functions.FUNCTION_TABLE:
        raise _Misused(f"there is no function {name}()")
    signature = Functions.FUNCTION_TABLE[name]["signature"]
    variadic = bool(signature) and signature[-1].get("variadic", False)
    if given < len(signature) or (given > len(signature) and not variadic):
        raise _Misused(f"{name}() takes {'at least ' if variadic else ''}{len(signature)}, not {given} arguments")


_COMPARISONS = frozenset({"eq", "ne", "lt", "lte", "gt", "gte"})
_GOES_ON = frozenset({"dot", "lbracket", "filter", "flatten"})
_LONE_EQUALS = re.compile(r"(?<![=!<>])=(?!=)")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _check_texts(source: str) -> None:
    """Refuses `status == "firing"`: double quotes name a field, and a field of this name needs no quotes."""
    from jmespath.lexer import Lexer

    tokens = list(Lexer().tokenize(source))
    for left, comparison, name, after in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if comparison["type"] not in _COMPARISONS or name["type"] != "quoted_identifier":
            continue
        if left["type"] != "literal" and after["type"] not in _GOES_ON and _PLAIN_NAME.fullmatch(name["value"]):
            raise _Misused(f"double quotes name a field: {_as_text(name['value'])}, without quotes for the field")


def _as_text(name: str) -> str:
    return f"write '{name}' in single quotes for a text"


# What a part of an expression looks at: the whole data, its `headers`, or something that only an event can tell.
_ROOT, _HEADERS, _DATA = "root", "headers", "data"
_IN_TURN = frozenset({"subexpression", "pipe", "index_expression"})  # each part looks at what the part before has found
_OF_ENTRIES = frozenset(
    {"projection", "value_projection", "filter_projection"}
)  # parts after the first look at entries
_OF_LISTS = frozenset({"index", "slice", "flatten", "projection", "filter_projection"})


@dataclass(frozen=True, slots=True)
class _Names:
    """Refuses names that find nothing in any event."""

    variables: frozenset[str]

    def read(self, node: dict[str, Any], scope: str) -> str:
        """Follows a part of the expression that looks at `scope`, and gives the scope of what it finds."""
        kind, parts = node["type"], [part for part in node["children"] if isinstance(part, dict)]
        if scope == _DATA or kind == "expref":
            return _DATA
        if kind in {"current", "identity"}:
            return scope
        if kind == "field":
            return self._field(node["value"], scope)
        if kind in _IN_TURN:
            for part in parts:
                scope = self.read(part, scope)
            return scope
        if kind == "comparator":
            self._check_sides(parts, scope)
        found = [self.read(part, scope) for part in (parts[:1] if kind in _OF_ENTRIES else parts)]
        if kind in _OF_LISTS and (found or [scope])[0] != _DATA:
            raise _Misused("'[' comes after a list, as in body.alerts[0]")
        return _DATA

    def _field(self, name: str, scope: str) -> str:
        if scope == _HEADERS:
            if name != name.lower():
                raise _Misused(f'header names are in lower case here: headers."{name.lower()}"')
            return _DATA
        if name not in self.variables:
            raise self._undefined(name, "it exists beside for_each, and not yet in when" if name == "item" else "")
        return _HEADERS if name == "headers" else _DATA

    def _check_sides(self, sides: list[dict[str, Any]], scope: str) -> None:
        """Refuses a name that stands alone and is no variable: it was meant as a text, unless it is compared to one."""
        for side, other in ((sides[1], sides[0]), (sides[0], sides[1])):
            alone = scope == _ROOT and side["type"] == "field" and other["type"] != "literal"
            if alone and side["value"] not in self.variables | {"item"}:
                raise self._undefined(side["value"], _as_text(side["value"]))

    def _undefined(self, name: str, hint: str) -> _Misused:
        names = ", ".join(sorted(self.variables))
        return _Misused(f"'{name}' is undefined: expected one of {names}{hint and '; '}{hint}")


def _detail(fault: Exception, source: str = "") -> str:
    """Says what is wrong in words of our own, because jmespath's may repeat the data."""
    from jmespath.exceptions import EmptyExpressionError, JMESPathTypeError, ParseError

    match fault:
        case _Misused():
            return str(fault)
        case JMESPathTypeError():
            expected = " or ".join(fault.expected_types)
            return f"{fault.function_name}() expected {expected}, not {fault.actual_type}"
        case EmptyExpressionError():
            return "it is empty"
        case ParseError():
            return _position(fault, source)
        case RecursionError() | MemoryError():
            return "it is nested too deeply"
    return "a function or a comparison can't take a value that it was given"


def _position(fault: Any, source: str) -> str:
    position = getattr(fault, "lex_position", None) or 0
    hyphen = "-" in source[max(0, position - 1) : position + 1]
    hint = '; a name that holds a hyphen needs quotes, as in headers."x-name"' if hyphen else ""
    if _LONE_EQUALS.search(source):
        hint = "; a comparison is written =="
    return f"it can't be read from character {position + 1} on{hint}"
