"""Takes a route's `when` apart: which of its parts hold for an event, and what was compared with what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from relay.configure.expressions import Expression
from relay.deliver.routing import holds
from relay.explain.writing import written
from relay.problems import Mistake

Node = dict[str, Any]

ITEMS_SHOWN = 5  # of a list whose filter is explained item by item
NAMES_SHOWN = 8  # of an object that lacks a name
_UNEQUAL = {"eq": "≠", "ne": "=", "lt": "≥", "lte": ">", "gt": "≤", "gte": "<"}
_EQUAL = {"eq": "=", "ne": "≠", "lt": "<", "lte": "≤", "gt": ">", "gte": "≥"}
_JUNCTIONS = {"and_expression": "and", "or_expression": "or"}


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison, or an argument of a function.

    Attributes:
        text: as the expression has it.
        value: what it is for this event (JSON).
        constant: whether it is the same for each event.
        missing: why it is null, if a name in it leads nowhere.
    """

    text: str
    value: Any
    constant: bool = False
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of an expression, and whether it holds.

    Attributes:
        text: as the expression has it.
        kind: `and`, `or`, `not`, `comparison`, `function` or `value`.
        holds: None if it wasn't looked at, because the part before it had decided, or if it failed.
        value: what it is for this event (JSON).
        relation: of a comparison, the sign between its operands that is true, such as `≠`.
        operands: two of a comparison, the arguments of a function, or the value itself.
        parts: the conditions that it consists of; else those of the first items of each list that it filters.
        item: the place of the item that it is about, from 0 on.
        mistake: why it has no value.
    """

    text: str
    kind: str
    holds: bool | None
    value: Any = None
    relation: str | None = None
    operands: tuple[Operand, ...] = ()
    parts: tuple["Condition", ...] = ()
    item: int | None = None
    mistake: str | None = None


def explained(expression: Expression, data: Mapping[str, Any]) -> Condition:
    """Explains an expression whose value decides, such as `when`. `data` holds its variables."""
    return _condition(expression, expression.tree, data)


def value_of(expression: Expression, data: Mapping[str, Any]) -> Operand:
    """Explains an expression whose value is used, such as `for_each`. Raises Mistake."""
    return _operand(expression, expression.tree, data)


def _condition(expression: Expression, node: Node, data: Any) -> Condition:
    kind, text = node["type"], written(node)
    try:
        value = expression.search(data, node)
    except Mistake as mistake:
        parts = tuple(_junction(expression, node, data)) if kind in _JUNCTIONS else ()
        return Condition(text, _JUNCTIONS.get(kind, "value"), None, mistake=_why(mistake), parts=parts)
    held = holds(value)
    if kind in _JUNCTIONS:
        parts = tuple(_junction(expression, node, data))
        return Condition(text, _JUNCTIONS[kind], held, value, parts=parts)
    if kind == "not_expression":
        return Condition(text, "not", held, value, parts=(_condition(expression, node["children"][0], data),))
    if kind == "pipe":
        first, second = node["children"]
        inner = _condition(expression, second, expression.search(data, first))
        return replace(inner, text=text)
    return replace(_leaf(expression, node, data, value), parts=tuple(_filtered(expression, node, data)))


def _leaf(expression: Expression, node: Node, data: Any, value: Any) -> Condition:
    kind, text = node["type"], written(node)
    if kind == "comparator":
        return _comparison(expression, node, data, value)
    if kind == "function_expression":
        operands = tuple(_operand(expression, each, data) for each in node["children"] if each["type"] != "expref")
        return Condition(text, "function", holds(value), value, operands=operands)
    return Condition(text, "value", holds(value), value, operands=(_operand(expression, node, data),))


def _why(mistake: Mistake) -> str:
    """Leaves out the expression, which stands beside it."""
    return mistake.detail.rpartition(", in the expression ")[0] or mistake.detail


def _junction(expression: Expression, node: Node, data: Any) -> Iterator[Condition]:
    """Yields the parts of a chain of `&&` or of `||`. The first part that decides ends it, as in JMESPath."""
    decided = False
    for part in _chain(node, node["type"]):
        if decided:
            yield Condition(written(part), "value", None)
            continue
        condition = _condition(expression, part, data)
        decided = condition.holds is None or condition.holds == (node["type"] == "or_expression")
        yield condition


def _chain(node: Node, kind: str) -> Iterator[Node]:
    if node["type"] != kind:
        yield node
        return
    for child in node["children"]:
        yield from _chain(child, kind)


def _comparison(expression: Expression, node: Node, data: Any, value: Any) -> Condition:
    """JMESPath orders numbers only, so `<` between others is null. Then neither sign is true."""
    left, right = (_operand(expression, side, data) for side in node["children"])
    signs = {True: _EQUAL, False: _UNEQUAL}
    relation = "can't be compared with" if value is None else signs[value][node["value"]]
    return Condition(written(node), "comparison", holds(value), value, relation, (left, right))


def _filtered(expression: Expression, node: Node, data: Any) -> Iterator[Condition]:
    """Yields, for each filter in the node, its condition for the first items of its list."""
    kind = node["type"]
    if kind == "filter_projection":
        left, _, condition = node["children"]
        items = expression.search(data, left)
        for place, item in enumerate(items[:ITEMS_SHOWN]) if isinstance(items, list) else ():
            yield replace(_condition(expression, condition, item), item=place)
    elif kind == "subexpression":
        *before, last = node["children"]
        yield from _filtered(expression, last, expression.search(data, {**node, "children": before}))
    elif kind in {"comparator", "function_expression"}:
        for child in node["children"]:
            if child["type"] != "expref":
                yield from _filtered(expression, child, data)


def _operand(expression: Expression, node: Node, data: Any) -> Operand:
    value = expression.search(data, node)
    missing = _missing(node, data) if value is None else None
    return Operand(written(node), value, constant=node["type"] == "literal", missing=missing)


def _missing(node: Node, data: Any) -> str | None:
    """Says which name of a path leads nowhere, and which names there are."""
    path = list(_path(node))
    for place, name in enumerate(path):
        if not isinstance(data, Mapping):
            return f"{_shown(path[:place])} is {_kind(data)}, so it has no field {name}"
        if name not in data:
            return f"{_shown(path[:place])} has no field {name}{_there(name, data)}"
        data = data[name]
    return None


def _path(node: Node) -> Iterator[str]:
    """Yields the names of a path such as `body.build.result`, and nothing of any other expression."""
    if node["type"] == "field":
        yield node["value"]
    elif node["type"] == "subexpression" and all(_is_path(child) for child in node["children"]):
        for child in node["children"]:
            yield from _path(child)


def _is_path(node: Node) -> bool:
    return node["type"] == "field" or (node["type"] == "subexpression" and all(map(_is_path, node["children"])))


def _shown(path: list[str]) -> str:
    return ".".join(path) or "the item"


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _there(name: str, data: Mapping[str, Any]) -> str:
    near = get_close_matches(name, data, 1) or [each for each in data if each.lower() == name.lower()][:1]
    if near:
        return f": did you mean {near[0]}?"
    names = ", ".join(list(data)[:NAMES_SHOWN])
    return f"; it has {names}{', …' if len(data) > NAMES_SHOWN else ''}" if names else "; it is empty"
