"""Reads the YAML files that people write: relay.yaml and its secrets."""

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.reader import ReaderError

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
# What a text without quotes may stand for, by its first letters. It is YAML 1.2's core schema, with numbers as JSON
# writes them. Everything else stays text as it is written: a phone with its zeros or its plus (YAML 1.1 reads octals,
# 1.2 drops the zeros), a time (YAML 1.1 reads a number to the base of 60), a date, and yes, no, on, off.
_PLAIN = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?", list("-0123456789")),
    ("merge", r"<<", ["<"]),  # YAML 1.2 has dropped it, but people share settings by it
)
_TYPES = {f"{_TAG}{name}" for name in ("map", "seq", "str", "null", "bool", "int", "float")}  # JSON has them too

_HALF = re.compile(r"[\ud800-\udfff]")
_QUOTED = re.compile(r"""(['"])((?:\\.|(?!\1).)*)\1""")
_OF_YAML = re.compile(r"<[a-z ]+>|[][{},:?-]")  # words of the parser, not of the file
_HALF_ALONE = "this text holds half of a character, such as \\ud83d without its second half"
_QUOTE_IT = "put a text that begins with {{ in quotes"
_TEMPLATE = re.compile(r"[:-]\s+\{[{%]")


class Unreadable(ValueError):
    """The file can't be used. The text names it and says where and why, but repeats none of it: it may be a secret."""


class _Misplaced(yaml.MarkedYAMLError):
    """A node is wrong; the error marks its place."""

    def __init__(self, problem: str, node: yaml.Node) -> None:
        super().__init__(problem=problem, problem_mark=node.start_mark)


class _Strict(yaml.SafeLoader):
    """Reads only what JSON can hold, and refuses whatever would be lost or changed without a word."""

    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if tag is None or tag in _TYPES
    }

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """Joins two escaped halves of a character, as JSON writers mean them; YAML itself keeps them apart."""
        node = super().compose_scalar_node(anchor)
        if _HALF.search(node.value):
            try:
                node.value = node.value.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                raise _Misplaced(_HALF_ALONE, node) from None
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Checks a mapping as it is written, because a merge (`<<`) puts names into it that it may override."""
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for name, _ in node.value:
            if isinstance(name, yaml.MappingNode):
                raise _Misplaced(_QUOTE_IT, name)
            if not isinstance(name, yaml.ScalarNode):
                raise _Misplaced("what stands before a colon is a text", name)
            if name.value in lines and name.tag != _MERGE:
                first = lines[name.value]
                raise _Misplaced(f"this name stands here for the second time (line {first}); put both under one", name)
            lines[name.value] = name.start_mark.line + 1
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError):  # an integer of 5,000 digits, `!!int ""`
            raise _Misplaced("this is a number that is too long, or not what its tag says", node) from None


_Strict.yaml_implicit_resolvers = {}  # removes those of YAML 1.1
for _name, _pattern, _first in _PLAIN:
    _Strict.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"(?:{_pattern})$"), _first)


def read_yaml(path: Path) -> dict[str, Any]:
    """Gives the mapping in the file; an empty file holds an empty one.

    Raises:
        Unreadable: the file is not there, not YAML, not a mapping, or says something twice.
    """
    try:
        content = _content(path.read_bytes())
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None
    except Unreadable as problem:
        raise Unreadable(f"{path}: {problem}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Unreadable(f"{path}: expected a mapping")
    return content


def _content(raw: bytes) -> Any:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"line {line} is not UTF-8") from None
    try:
        loader = _Strict(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(f"line {line} is not YAML: it holds a control character") from None
    try:
        root = loader.get_single_node()
        # `deep` refuses a list or mapping that contains itself, because JSON could not hold it.
        return loader.construct_object(root, deep=True) if root else None
    except _Misplaced as misplaced:
        raise Unreadable(f"{_where(misplaced.problem_mark)}: {misplaced.problem}") from None
    except yaml.MarkedYAMLError as error:
        raise Unreadable(f"{_where(error.problem_mark)} is not YAML: {_words(error, text.splitlines())}") from None
    except RecursionError:
        raise Unreadable(f"line {loader.line + 1}: nested too deeply") from None


def _where(mark: yaml.Mark | None) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "it"


def _words(error: yaml.MarkedYAMLError, lines: list[str]) -> str:
    """Gives the parser's words without anything that they quote of the file."""
    begun = f"{error.context} (line {error.context_mark.line + 1}): " if error.context_mark else ""
    said = _QUOTED.sub(lambda quoted: quoted[0] if _OF_YAML.fullmatch(quoted[2]) else "…", f"{begun}{error.problem}")
    line = "".join(lines[error.problem_mark.line :][:1]) if error.problem_mark else ""
    return f"{said}; {_QUOTE_IT}" if _TEMPLATE.search(line) else said
