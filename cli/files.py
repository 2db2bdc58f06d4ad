"""Reads the YAML files that people write: relay.yaml and its secrets."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml


class Unreadable(ValueError):
    """The file can't be used; the text names it, and says why."""


class _Strict(yaml.SafeLoader):
    """A key that stands twice is a mistake: YAML's usual readers let the second wipe the first out."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                line = key_node.start_mark.line + 1
                raise Unreadable(f"line {line}: {key} stands here for the second time; put both under one")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in the file; empty for an empty file.

    Raises:
        Unreadable: it is not there, not YAML, not a mapping, or says something twice.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Strict) or {}  # noqa: S506 - a safe loader
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None
    except Unreadable as problem:
        raise Unreadable(f"{path}: {problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise Unreadable(f"{path}: expected a mapping")
    return content
