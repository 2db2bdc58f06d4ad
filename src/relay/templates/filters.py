"""The filters and tests that templates have, named as in Jinja2; each looks at the clock and pays for what it makes."""

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

from jinja2 import StrictUndefined, Undefined
from jinja2.filters import do_title

from relay.templates.budget import Refused, budget, checked_number, json_text, text_of
from relay.templates.operators import defined, entries, join_texts, look_up, replace_text

P = ParamSpec("P")
T = TypeVar("T")
_LARGEST_PRECISION = 12
_PLACEHOLDER = re.compile(r"%(?P<kind>[%sd]|(?:\.(?P<places>[0-9]{1,2}))?f)?")
_PLACES = 6  # of a bare %f, as in C
_ROUNDING: dict[str, Callable[[float], int]] = {"ceil": math.ceil, "floor": math.floor}


def metered(function: Callable[P, T]) -> Callable[P, T]:
    """Makes every call look at the clock, and pay for the text or list that it gives."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        budget().tick()
        result = function(*args, **kwargs)
        if isinstance(result, str | list):
            budget().build(len(result))
        return result

    return call


def _of_text(change: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: change(text_of(value))


def _trim(value: Any, characters: str | None = None) -> str:
    return text_of(value).strip(characters)


def _truncate(value: Any, length: int = 255, killwords: bool = False, end: str = "...") -> str:
    text = text_of(value)
    if len(text) <= length:
        return text
    kept = text[: max(0, length - len(end))]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + end


def _replace(value: Any, old: str, new: str, count: int = -1) -> str:
    return replace_text(text_of(value), old, new, count)


def _join(value: Any, d: Any = "", attribute: Any = None) -> str:
    return join_texts(text_of(d), _attributes(entries(value), attribute))


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    return default_value if isinstance(value, Undefined) or (boolean and not value) else value


def _int(value: Any, default: int = 0) -> Any:
    try:
        return checked_number(int(text_of(value) if isinstance(value, str | None) else defined(value)))
    except (ArithmeticError, TypeError, ValueError):
        return _int_of_float(value, default)


def _int_of_float(value: Any, default: int) -> Any:
    try:
        return int(float(value))
    except (ArithmeticError, TypeError, ValueError):
        return default


def _float(value: Any, default: float = 0.0) -> Any:
    try:
        return checked_number(float(defined(value)))
    except (ArithmeticError, TypeError, ValueError):
        return default


def _round(value: Any, precision: int = 0, method: str = "common") -> float:
    number = checked_number(defined(value))
    if not (isinstance(precision, int) and 0 <= precision <= _LARGEST_PRECISION):
        raise Refused(f"round expects a precision from 0 to {_LARGEST_PRECISION}")
    if method == "common":
        return round(float(number), precision)
    if method not in _ROUNDING:
        raise Refused("round expects 'common', 'ceil' or 'floor'")
    scale: int = 10**precision
    return _ROUNDING[method](number * scale) / scale


def _format(value: Any, *args: Any) -> str:
    """Of printf's placeholders those for texts and numbers; a width could make megabytes."""
    waiting = iter(args)
    text = _PLACEHOLDER.sub(lambda found: _placed(found, waiting), text_of(value))
    if next(waiting, _MISSING) is not _MISSING:
        raise Refused("format was given more values than placeholders")
    return text


def _placed(found: re.Match[str], waiting: Iterator[Any]) -> str:
    kind = found["kind"]
    if kind == "%":
        return "%"
    places = int(found["places"] or _PLACES)
    if not kind or places > _LARGEST_PRECISION:
        raise Refused(f"format expects %s, %d, %% or %.2f (to {_LARGEST_PRECISION} places)")
    value = next(waiting, _MISSING)
    if value is _MISSING:
        raise Refused("format was given fewer values than placeholders")
    if kind == "s":
        return text_of(value)
    number = checked_number(defined(value))
    return str(int(number)) if kind == "d" else f"{number:.{places}f}"


def _sum(value: Any, attribute: Any = None, start: float = 0) -> Any:
    return sum(map(checked_number, _attributes(entries(value), attribute)), start)


def _length(value: Any) -> int:
    return len(value) if isinstance(defined(value), str) else len(entries(value))


def _first(value: Any) -> Any:
    return _entry(value, 0, "first")


def _last(value: Any) -> Any:
    return _entry(value, -1, "last")


def _entry(value: Any, place: int, name: str) -> Any:
    """Undefined where there is none, as in Jinja2: `default` then has its say."""
    try:
        return look_up(value if isinstance(value, str) else entries(value), place)
    except KeyError:
        return StrictUndefined(f"'{name}' of an empty list or text is undefined")


def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else entries(value)[::-1]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, str) else entries(value)


def _items(value: Any) -> list[Any]:
    if isinstance(defined(value), Mapping):
        return list(value.items())
    raise Refused("items expects an object")


def _dictsort(value: Any) -> list[Any]:
    return sorted(_items(value))


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else defined(value)


def _sort(value: Any, reverse: bool = False, case_sensitive: bool = False, attribute: Any = None) -> list[Any]:
    key = defined if case_sensitive else _fold
    return sorted(entries(value), key=lambda entry: key(_attribute(entry, attribute)), reverse=reverse)


def _unique(value: Any, case_sensitive: bool = False, attribute: Any = None) -> list[Any]:
    fold = defined if case_sensitive else _fold
    # Keyed by text: chosen integers could collide in a hash table and make it slow.
    keyed = ((text_of(fold(_attribute(entry, attribute))), entry) for entry in reversed(entries(value)))
    return list(dict(keyed).values())[::-1]


def _minimum(value: Any, case_sensitive: bool = False, attribute: Any = None) -> Any:
    return _entry(_sort(value, False, case_sensitive, attribute), 0, "min")


def _maximum(value: Any, case_sensitive: bool = False, attribute: Any = None) -> Any:
    return _entry(_sort(value, False, case_sensitive, attribute), -1, "max")


def _attribute(entry: Any, path: Any, default: Any = None) -> Any:
    """Follows `path` ("labels.severity") into an entry; without a path it is the entry itself."""
    found = entry
    for name in text_of(path).split(".") if path is not None else ():
        try:
            found = look_up(found, int(name) if name.isdecimal() else name)
        except KeyError:
            if default is not None:
                return default
            raise Refused(f"an entry has no '{path}'") from None
    return found


def _attributes(values: list[Any], path: Any) -> list[Any]:
    return [_attribute(value, path) for value in values]


def _map(value: Any, name: str = "", *args: Any, attribute: Any = None, default: Any = None) -> list[Any]:
    if attribute is not None:
        return [_attribute(entry, attribute, default) for entry in entries(value)]
    function = _named(FILTERS, name, "filter")
    return [function(entry, *args) for entry in entries(value)]


def _choose(wanted: bool) -> Callable[..., list[Any]]:
    def choose(value: Any, name: str = "", *args: Any) -> list[Any]:
        test = _named(TESTS, name, "test") if name else bool
        return [entry for entry in entries(value) if bool(test(entry, *args)) is wanted]

    return choose


def _choose_by_attribute(wanted: bool) -> Callable[..., list[Any]]:
    def choose(value: Any, attribute: str, name: str = "", *args: Any) -> list[Any]:
        test = _named(TESTS, name, "test") if name else bool
        return [
            entry for entry in entries(value) if bool(test(_attribute(entry, attribute, _MISSING), *args)) is wanted
        ]

    return choose


def _named(table: dict[str, Callable[..., Any]], name: Any, kind: str) -> Callable[..., Any]:
    if not isinstance(name, str) or name not in table:
        raise Refused(f"expected the name of a {kind} that templates have")
    return table[name]


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_integer(value) or isinstance(value, float)


def _divides(value: Any, number: Any) -> bool:
    return checked_number(defined(value)) % checked_number(defined(number)) == 0


def _is_in(value: Any, container: Any) -> bool:
    return value in defined(container)


_MISSING = Undefined(name="a field")
_FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(checked_number(defined(value))),
    "capitalize": _of_text(str.capitalize),
    "count": _length,
    "d": _default,
    "default": _default,
    "dictsort": _dictsort,
    "first": _first,
    "float": _float,
    "format": _format,
    "int": _int,
    "items": _items,
    "join": _join,
    "last": _last,
    "length": _length,
    "list": _list,
    "lower": _of_text(str.lower),
    "map": _map,
    "max": _maximum,
    "min": _minimum,
    "reject": _choose(wanted=False),
    "rejectattr": _choose_by_attribute(wanted=False),
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "select": _choose(wanted=True),
    "selectattr": _choose_by_attribute(wanted=True),
    "sort": _sort,
    "string": text_of,
    "sum": _sum,
    "title": _of_text(do_title),
    "tojson": json_text,
    "trim": _trim,
    "truncate": _truncate,
    "unique": _unique,
    "upper": _of_text(str.upper),
    "urlencode": _of_text(lambda text: quote(text, safe="/")),
    "wordcount": _of_text(lambda text: len(text.split())),
}
_TESTS: dict[str, Callable[..., Any]] = {
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "boolean": lambda value: isinstance(value, bool),
    "defined": lambda value: not isinstance(value, Undefined),
    "divisibleby": _divides,
    "eq": operator.eq,
    "equalto": operator.eq,
    "even": lambda value: _divides(value, 2),
    "false": lambda value: value is False,
    "float": lambda value: isinstance(value, float),
    "ge": operator.ge,
    "gt": operator.gt,
    "in": _is_in,
    "integer": _is_integer,
    "iterable": lambda value: isinstance(value, list | tuple | Mapping),
    "le": operator.le,
    "lt": operator.lt,
    "mapping": lambda value: isinstance(value, Mapping),
    "ne": operator.ne,
    "none": lambda value: value is None,
    "number": _is_number,
    "odd": lambda value: not _divides(value, 2),
    "sequence": lambda value: isinstance(value, list | tuple | str),
    "string": lambda value: isinstance(value, str),
    "true": lambda value: value is True,
    "undefined": lambda value: isinstance(value, Undefined),
}
FILTERS = {name: metered(function) for name, function in _FILTERS.items()}
TESTS = {name: metered(function) for name, function in _TESTS.items()}
