"""Writes a part of a JMESPath expression as text again, because jmespath's syntax tree doesn't keep the places."""

import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

Node = Mapping[str, Any]

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_PROJECTIONS = frozenset({"projection", "value_projection", "filter_projection"})
# The loosest first. What isn't listed binds tightest.
_BINDING = {"pipe": 1, "or_expression": 2, "and_expression": 3, "comparator": 5, "subexpression": 40}
_TIGHT = 41  # tighter than a dot


def written(node: Node) -> str:
    """Returns the expression of this syntax tree, which is equal to the one that it was made of, but for blanks."""
    return _WRITERS[node["type"]](node)


def _within(node: Node, binding: int) -> str:
    """Puts the node in parentheses if it would fall apart beside an operator that binds as strongly as this."""
    loose = binding >= _BINDING["subexpression"] and _projects(node)
    return f"({written(node)})" if loose or _BINDING.get(node["type"], _TIGHT) < binding else written(node)


def _projects(node: Node) -> bool:
    """Says whether what follows the node would apply to each item of its list."""
    return node["type"] in _PROJECTIONS or (node["type"] == "subexpression" and _projects(node["children"][-1]))


def _field(node: Node) -> str:
    name: str = node["value"]
    return name if _PLAIN_NAME.fullmatch(name) else json.dumps(name)


def _literal(node: Node) -> str:
    value = node["value"]
    if isinstance(value, str) and value.isprintable() and "\\" not in value:
        return "'{}'".format(value.replace("'", "\\'"))
    return "`{}`".format(json.dumps(value).replace("`", "\\`"))


def _infix(operator: str, binding: int) -> Callable[[Node], str]:
    def write(node: Node) -> str:
        left, right = node["children"]
        return f"{_within(left, binding)} {operator} {_within(right, binding + 1)}"

    return write


def _comparison(node: Node) -> str:
    return _infix(_COMPARISONS[node["value"]], _BINDING["comparator"] + 1)(node)


def _dotted(node: Node) -> str:
    first, *others = node["children"]
    text = _within(first, _BINDING["subexpression"])
    for before, child in pairwise([first, *others]):
        text = f"({text}).{written(child)}" if before is not first and _projects(before) else f"{text}.{written(child)}"
    return text


def _index(node: Node) -> str:
    first, *places = node["children"]
    return _within(first, _BINDING["subexpression"]) + "".join(map(written, places))


def _slice(node: Node) -> str:
    start, stop, step = ("" if part is None else str(part) for part in node["children"])
    return f"[{start}:{stop}:{step}]" if step else f"[{start}:{stop}]"


def _flatten(node: Node) -> str:
    [inner] = node["children"]
    return (written(inner) if _projects(inner) else _within(inner, _BINDING["subexpression"])) + "[]"


def _projection(node: Node) -> str:
    left, right = node["children"]
    of_itself = left["type"] == "flatten" or (
        left["type"] == "index_expression" and left["children"][-1]["type"] == "slice"
    )
    return (written(left) if of_itself else f"{_within(left, _BINDING['subexpression'])}[*]") + _after(right)


def _values(node: Node) -> str:
    left, right = node["children"]
    return (f"{_within(left, _BINDING['subexpression'])}.*" if written(left) else "*") + _after(right)


def _filter(node: Node) -> str:
    left, right, condition = node["children"]
    return f"{_within(left, _BINDING['subexpression'])}[?{written(condition)}]{_after(right)}"


def _after(right: Node) -> str:
    """Writes what follows a projection: brackets as they are, a name after its dot."""
    text = written(right)
    return text if not text or _begins_with_bracket(right) else f".{text}"


def _begins_with_bracket(node: Node) -> bool:
    while node["children"] and node["type"] in {*_PROJECTIONS, "subexpression", "index_expression", "flatten"}:
        node, outer = node["children"][0], node
        if node["type"] == "identity":
            return bool(outer["type"] != "value_projection")
    return False


def _call(node: Node) -> str:
    return f"{node['value']}({', '.join(map(written, node['children']))})"


_WRITERS: Mapping[str, Callable[[Node], str]] = {
    "and_expression": _infix("&&", _BINDING["and_expression"]),
    "comparator": _comparison,
    "current": lambda _node: "@",
    "expref": lambda node: f"&{written(node['children'][0])}",
    "field": _field,
    "filter_projection": _filter,
    "flatten": _flatten,
    "function_expression": _call,
    "identity": lambda _node: "",
    "index": lambda node: f"[{node['value']}]",
    "index_expression": _index,
    "key_val_pair": lambda node: f"{_field(node)}: {written(node['children'][0])}",
    "literal": _literal,
    "multi_select_dict": lambda node: "{" + ", ".join(map(written, node["children"])) + "}",
    "multi_select_list": lambda node: "[" + ", ".join(map(written, node["children"])) + "]",
    "not_expression": lambda node: f"!{_within(node['children'][0], _TIGHT)}",
    "or_expression": _infix("||", _BINDING["or_expression"]),
    "pipe": _infix("|", _BINDING["pipe"]),
    "projection": _projection,
    "slice": _slice,
    "subexpression": _dotted,
    "value_projection": _values,
}
