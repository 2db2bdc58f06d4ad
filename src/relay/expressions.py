"""JMESPath expressions of the configuration: checked when loaded, and errors name the expression, never the data."""

import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

MAX_EXPRESSION_CHARS = 4_000


class ExpressionProblem(ValueError):
    """An expression that can't be compiled or evaluated; its message holds no data of the event.

    Attributes:
        expression: the source.
        detail: what is wrong, with the position where it is known.
    """

    def __init__(self, expression: str, detail: str) -> None:
        super().__init__(f"{detail}, in the expression {expression!r}")
        self.expression = expression
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    source: str
    _compiled: Any = field(repr=False, compare=False)

    def search(self, data: Any) -> Any:
        """Gives what the expression finds in JSON data, None where it finds nothing.

        Raises:
            ExpressionProblem: a function was given a value that it can't take.
        """
        try:
            return self._compiled.search(data)
        except _FAULTS as fault:
            raise ExpressionProblem(self.source, _detail(fault)) from None


# All that jmespath raises on hostile expressions and data; its own errors are ValueErrors.
_FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


@lru_cache(maxsize=512)
def compile_expression(source: str) -> Expression:
    """Compiles `source`, once per process.

    Raises:
        ExpressionProblem: the syntax is wrong, or a function is unknown or lacks arguments.
    """
    import jmespath

    if len(source) > MAX_EXPRESSION_CHARS:
        raise ExpressionProblem(source[:40] + "…", f"too long: expected at most {MAX_EXPRESSION_CHARS} characters")
    try:
        with warnings.catch_warnings():
            # `literal` without JSON quotes: jmespath only warns of it, and takes it for text.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            compiled: Any = jmespath.compile(source)
        _check(compiled.parsed)
    except _FAULTS as fault:
        raise ExpressionProblem(source, _detail(fault, source)) from None
    return Expression(source, compiled)


class _Misused(ValueError):
    pass


def _check(tree: dict[str, Any]) -> None:
    """Finds now what jmespath finds only once an event comes: unknown functions, arguments too few or too many."""
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


def _detail(fault: Exception, source: str = "") -> str:
    """Words of our own where jmespath's would repeat the data."""
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
    return "a function can't take a value that it was given"


def _position(fault: Any, source: str) -> str:
    position = getattr(fault, "lex_position", None) or 0
    hyphen = "-" in source[max(0, position - 1) : position + 1]
    hint = '; a name that holds a hyphen needs quotes, as in headers."x-name"' if hyphen else ""
    return f"it can't be read from character {position + 1} on{hint}"
