"""Reads template.yaml as written, where `!Ref X` is {"Ref": "X"}."""

from collections.abc import Iterator
from typing import Any

Json = Any


def of_type(document: dict[str, Json], kind: str) -> dict[str, Json]:
    """Returns the properties of each resource of a type, by its logical id. There must be one."""
    found = {name: item["Properties"] for name, item in document["Resources"].items() if item["Type"] == kind}
    assert found, f"the template has no {kind}"
    return found


def statements(value: Json) -> Iterator[dict[str, Json]]:
    """Yields every policy statement below a value, those behind `!If` included."""
    if isinstance(value, dict) and "Effect" in value:
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from statements(member)


def listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]
