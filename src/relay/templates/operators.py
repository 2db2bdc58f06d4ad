"""What a template's syntax does to values: fields, slices, arithmetic, joining and methods, each at a bounded cost."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Undefined

from relay.templates.budget import Refused, budget, checked_number, text_of

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_TEXT_METHODS: dict[str, Callable[..., Any]] = {
    "capitalize": str.capitalize,
    "count": str.count,
    "endswith": str.endswith,
    "find": str.find,
    "isalpha": str.isalpha,
    "isdigit": str.isdigit,
    "lower": str.lower,
    "lstrip": str.lstrip,
    "removeprefix": str.removeprefix,
    "removesuffix": str.removesuffix,
    "rsplit": str.rsplit,
    "rstrip": str.rstrip,
    "split": str.split,
    "splitlines": str.splitlines,
    "startswith": str.startswith,
    "strip": str.strip,
    "title": str.title,
    "upper": str.upper,
}


def look_up(value: Any, key: Any) -> Any:
    """Gives an object's field or a list's entry, never an attribute of the Python object; None of it: `KeyError`."""
    if isinstance(value, Mapping) and isinstance(key, str):
        return value[key]
    if isinstance(value, list | tuple | str) and type(key) is int and -len(value) <= key < len(value):
        return value[key]
    raise KeyError(key)


def defined(value: Any) -> Any:
    """Gives the value back; an undefined one raises, saying its name."""
    if isinstance(value, Undefined):
        str(value)
    return value


def entries(value: Any) -> list[Any]:
    """Gives a list's entries, or an object's names."""
    if isinstance(defined(value), list | tuple | Mapping):
        budget().build(len(value))
        return list(value)
    raise Refused("expected a list")


def calculate(sign: str, left: Any, right: Any) -> Any:
    """Adds, subtracts and so on; only `+` also takes two texts or two lists."""
    budget().tick()
    if isinstance(defined(left), int | float) and isinstance(defined(right), int | float):
        return checked_number(_ARITHMETIC[sign](checked_number(left), checked_number(right)))
    same = any(isinstance(left, kind) and isinstance(right, kind) for kind in (str, list))
    if sign != "+" or not same:
        raise Refused(f"'{sign}' takes two numbers; '~' joins values into a text")
    budget().build(len(left) + len(right))
    return left + right


def negate(sign: str, value: Any) -> int | float:
    number = checked_number(defined(value))
    return -number if sign == "-" else number


def concat(values: list[Any]) -> str:
    """Joins values as text: the `~` of a template."""
    return join_texts("", values)


def join_texts(separator: str, values: list[Any]) -> str:
    texts = [text_of(value) for value in values]
    budget().build(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def replace_text(text: str, old: str, new: str, count: int = -1) -> str:
    if not (isinstance(old, str) and isinstance(new, str) and isinstance(count, int)):
        raise Refused("replace expects two texts, and a number at most")
    found = text.count(old) if count < 0 else min(count, text.count(old))
    budget().build(len(text) + found * len(new))
    return text.replace(old, new, count)


def part(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """Gives a slice of a text or list."""
    if not isinstance(defined(value), str | list | tuple):
        raise Refused("expected a text or a list before [ : ]")
    budget().build(len(value))
    return value[start:stop:step]


def call_method(value: Any, name: str, *args: Any) -> Any:
    """Calls one of the methods that a template may call on a text or object."""
    method = _method(defined(value), name)
    result = method(value, *(defined(arg) for arg in args))
    budget().build(len(result) if isinstance(result, str | list) else 0)
    return result


def _method(value: Any, name: str) -> Callable[..., Any]:
    if isinstance(value, str):
        return _TEXT_METHODS.get(name) or _BUILDING_METHODS.get(name) or _no_method(name, "a text")
    if isinstance(value, Mapping):
        return _OBJECT_METHODS.get(name) or _no_method(name, "an object")
    return _no_method(name, "that")


def _no_method(name: str, kind: str) -> Callable[..., Any]:
    raise Refused(f"'.{name}()' can't be called on {kind}")


def _pairs(value: Mapping[str, Any]) -> list[Any]:
    return list(value.items())


def _names(value: Mapping[str, Any]) -> list[Any]:
    return list(value)


def _values(value: Mapping[str, Any]) -> list[Any]:
    return list(value.values())


def _get(value: Mapping[str, Any], name: Any, default: Any = None) -> Any:
    return value.get(name, default)


def _join(separator: str, values: Any) -> str:
    return join_texts(separator, entries(values))


_BUILDING_METHODS: dict[str, Callable[..., Any]] = {"replace": replace_text, "join": _join}
_OBJECT_METHODS: dict[str, Callable[..., Any]] = {"get": _get, "items": _pairs, "keys": _names, "values": _values}
METHODS = frozenset(_TEXT_METHODS) | frozenset(_BUILDING_METHODS) | frozenset(_OBJECT_METHODS)
