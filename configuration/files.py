"""Reads the YAML files that people write: relay.yaml and its secrets."""

import re
from collections.abc import Iterator, Mapping
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


Parts = tuple[int | str, ...]


class Unreadable(ValueError):
    """The file can't be used. The text names it and says where and why, but repeats none of it: it may be a secret.

    Attributes:
        file: as it was given.
        line, column: from 1 on; None where they aren't known.
        problem: what is wrong.
    """

    def __init__(self, problem: str, file: Path, line: int | None = None, column: int | None = None) -> None:
        where = f"line {line}" + (f", column {column}" if column else "") if line else ""
        joint = "" if not where else " " if problem.startswith("is not") else ": "
        super().__init__(f"{file}: {where}{joint}{problem}")
        self.file, self.line, self.column, self.problem = file, line, column, problem


class Document(dict[str, Any]):
    """A mapping as read from `file`, which knows where its parts stand.

    `places` gives line and column, from 1 on, by the names and indexes that lead to a part.
    """

    file: Path
    places: Mapping[Parts, tuple[int, int]]

    def place_of(self, path: Parts) -> tuple[int, int] | None:
        """Gives the place of that part, or of the nearest one around it that is in the file."""
        return next((self.places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.places), None)


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


def read_yaml(path: Path) -> Document:
    """Gives the mapping in the file; an empty file holds an empty one.

    Raises:
        Unreadable: the file is not there, not YAML, not a mapping, or says something twice.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "it can't be read", path) from None
    return read_text(raw, path)


def read_text(raw: bytes, path: Path) -> Document:
    """Reads the content of a file that is not on this disk, such as one of git; `path` names it in messages.

    Raises:
        Unreadable: it is not YAML, not a mapping, or says something twice.
    """
    content, places = _content(raw, path)
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise Unreadable("expected a mapping", path)
    document = Document(content)
    document.file, document.places = path, places
    return document


def _content(raw: bytes, path: Path) -> tuple[Any, Mapping[Parts, tuple[int, int]]]:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8", path, raw.count(b"\n", 0, error.start) + 1) from None
    try:
        loader = _Strict(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable("is not YAML: it holds a control character", path, line) from None
    try:
        root = loader.get_single_node()
        # `deep` refuses a list or mapping that contains itself, because JSON could not hold it.
        content = loader.construct_object(root, deep=True) if root else None
        return content, dict(_places(root, (), set())) if root else {}
    except _Misplaced as misplaced:
        raise Unreadable(str(misplaced.problem), path, *_where(misplaced.problem_mark)) from None
    except yaml.MarkedYAMLError as error:
        words = _words(error, text.splitlines())
        mark = error.context_mark if error.problem == _NO_COLON else error.problem_mark
        raise Unreadable(f"is not YAML: {words}", path, *_where(mark)) from None
    except RecursionError:
        raise Unreadable("nested too deeply", path, loader.line + 1) from None


def _places(node: yaml.Node, path: Parts, seen: set[int]) -> Iterator[tuple[Parts, tuple[int, int]]]:
    """Gives each part's path with its line and column. A part that an alias repeats is given where it is written."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        parts = [(name.value, name, value) for name, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        parts = [(index, value, value) for index, value in enumerate(node.value)]
    else:
        return
    for part, marked, value in parts:
        yield (*path, part), (marked.start_mark.line + 1, marked.start_mark.column + 1)
        yield from _places(value, (*path, part), seen)


def _where(mark: yaml.Mark | None) -> tuple[int | None, int | None]:
    return (mark.line + 1, mark.column + 1) if mark else (None, None)


_NO_COLON = "could not find expected ':'"  # the parser finds it in the line after
_INDENT = "indent the fields that belong together equally, by spaces"
# People's words for what the parser finds, by its own words.
_SLIPS = (
    (r"found character '\\t'", "a tab stands here: indent by spaces"),
    (r"expected <block end>, but found '<block", f"this line's indentation fits no line above: {_INDENT}"),
    (r"expected <block end>, but found '-'", f"this line's indentation fits no line above: {_INDENT}"),
    (_NO_COLON, "a name is followed by a colon and a space"),
    (r"found undefined alias", "a text that begins with * is put in quotes"),
    (r"found character .* that cannot start any token", "a text that begins with a special character is put in quotes"),
    (r"while scanning a quoted scalar", "a quote is opened and not closed"),
)


def _words(error: yaml.MarkedYAMLError, lines: list[str]) -> str:
    """Gives the parser's words without anything that they quote of the file, after a remedy for a frequent slip."""
    begun = f"{error.context} (line {error.context_mark.line + 1}): " if error.context_mark else ""
    said = _QUOTED.sub(lambda quoted: quoted[0] if _OF_YAML.fullmatch(quoted[2]) else "…", f"{begun}{error.problem}")
    line = "".join(lines[error.problem_mark.line :][:1]) if error.problem_mark else ""
    if _TEMPLATE.search(line):
        return f"{said}; {_QUOTE_IT}"
    remedy = _remedy(error, line)
    return f"{remedy} ({said})" if remedy else said


def _remedy(error: yaml.MarkedYAMLError, line: str) -> str | None:
    if error.problem == "mapping values are not allowed here" and error.problem_mark:
        before = line[: error.problem_mark.column]
        if re.search(r":\s", before):
            return "put a text that holds a colon and a space in quotes"
        return f"this line is indented more than the one above, which has a value already: {_INDENT}"
    told = f"{error.context} {error.problem}"
    return next((remedy for words, remedy in _SLIPS if re.search(words, told)), None)
