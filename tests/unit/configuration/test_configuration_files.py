"""relay.yaml and its secrets are read as people mean them, or refused with the line, without quoting it."""

import json
from pathlib import Path

import pytest

from configuration.files import Unreadable, read_yaml
from relay.message.recipients import parse_phone


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "relay.yaml"


def refusal(file: Path, content: str | bytes) -> str:
    """Gives the refusal without the file's name, with which each begins."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Unreadable) as unreadable:
        read_yaml(file)
    assert str(unreadable.value).startswith(f"{file}: ")
    return str(unreadable.value).removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    "written",
    [
        "0041762345671",
        "+41762345671",
        "07",
        "12:30",
        "1_000",
        "0x1F",
        "0o17",
        "1e999",
        ".inf",
        "2024-99-99",
        "2024-05-24",
        "2024-05-24T10:45:38Z",
        "on",
        "off",
        "yes",
        "No",
        "=",
    ],
)
def test_anything_else_without_quotes_is_a_text(file: Path, written: str) -> None:
    file.write_text(f"{written}: [{written}]")
    assert read_yaml(file) == {written: [written]}


def test_a_value_of_json_is_that_value(file: Path) -> None:
    file.write_text("a: [0, -7, 41762345671, 1.5, 1e3, true, false, null, ~]")
    assert read_yaml(file) == {"a": [0, -7, 41762345671, 1.5, 1000.0, True, False, None, None]}


@pytest.mark.parametrize("written", ["0041762345671", "+41762345671", "41762345671"])
def test_a_phone_without_quotes_is_the_one_that_was_written(file: Path, written: str) -> None:
    file.write_text(f"to: [{{phone: {written}}}]")
    assert parse_phone(str(read_yaml(file)["to"][0]["phone"])) == "41762345671"


def test_a_character_that_json_writes_in_two_halves_is_read_as_one(file: Path) -> None:
    file.write_text(json.dumps({"🚨": "🚨 down 🚨", "plain": "é"}))
    assert "\\ud83d\\udea8" in file.read_text()
    assert read_yaml(file) == {"🚨": "🚨 down 🚨", "plain": "é"}


@pytest.mark.parametrize("half", ["\\ud83d", "\\udea8", "\\udea8\\ud83d", "\\ud83d \\udea8", "\\U0000d83d"])
def test_half_of_a_character_is_refused_with_its_place(file: Path, half: str) -> None:
    said = refusal(file, f'sources:\n  ci: "it is {half} down"\n')
    assert said == "line 2, column 7: this text holds half of a character, such as \\ud83d without its second half"


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_is_an_empty_mapping(file: Path, content: str) -> None:
    file.write_text(content)
    assert read_yaml(file) == {}


@pytest.mark.parametrize(
    "content",
    [
        "text: {{ body.x }}",
        "text: {{ body.x }} is out",
        "to: [{phone: {{ item.labels['oncall'] }}}]",
        "text: {% if body.x %}yes{% endif %}",
        "- {{ body.x }}",
    ],
)
def test_a_template_without_quotes_is_refused_with_the_remedy(file: Path, content: str) -> None:
    said = refusal(file, f"sources:\n  {content}\n")
    assert said.startswith("line 2, ")
    assert said.endswith("put a text that begins with {{ in quotes")


def test_settings_can_be_shared_by_a_merge_and_overridden(file: Path) -> None:
    file.write_text("a: &a {verify: bearer, id: body.id}\nb: {<<: *a, id: body.key}\nc: {<<: [*a, {id: x, format: y}]}")
    content = read_yaml(file)
    assert content["a"] == {"verify": "bearer", "id": "body.id"}
    assert content["b"] == {"verify": "bearer", "id": "body.key"}
    assert content["c"] == {"verify": "bearer", "id": "body.id", "format": "y"}


@pytest.mark.parametrize("second", ["sources", '"sources"', "<<: {sources: 3}\nsources"])
def test_a_repeated_name_is_refused_with_both_lines(file: Path, second: str) -> None:
    said = refusal(file, f"sources: {{ci: 1}}\nscenarios: {{}}\n{second}: {{cd: 2}}\n")
    line = 3 + second.count("\n")
    assert said == f"line {line}, column 1: this name stands here for the second time (line 1); put both under one"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a list", "expected a mapping"),
        ("false", "expected a mapping"),
        ("a: [", "line 1, column 5 is not YAML"),
        ("a:\n  b: \x00", "line 2 is not YAML: it holds a control character"),
        (b"a: 1\nb: \xff", "line 2 is not UTF-8"),
        ("a: 1\n---\nb: 2", "line 2, column 1 is not YAML: expected a single document"),
        ("a: 1\n[b]: 2", "line 2, column 1: what stands before a colon is a text"),
        ("a:\n  b: " + "1" * 5000, "line 2, column 6: this is a number that is too long"),
        ("a:\n  b: !!int ''", "line 2, column 6: this is a number that is too long, or not what its tag says"),
        ("a:\n  b: !!timestamp 2024-99-99", "line 2, column 6 is not YAML"),
        ("a:\n  b: " + "[" * 3000, "line 2: nested too deeply"),
        ("a:\n  b: " + "{c: " * 3000, "line 2: nested too deeply"),
        ("a:\n  b: &b [*b]", "line 2, column 6 is not YAML: found unconstructable recursive node"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_with_line_and_reason(
    file: Path, content: str | bytes, words: str
) -> None:
    assert refusal(file, content).startswith(words)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(Unreadable, match=r"relay\.yaml: No such file"):
        read_yaml(file)


@pytest.mark.parametrize(
    "line",
    [
        "ci: *S3cret",
        "ci: !S3cret x",
        "ci: @S3cret",
        "ci: %S3cret",
        'ci: "\\S3cret"',
        "ci: 'S3cret",
        "ci: S3cret: S3cret",
        "ci: &S3cret 1\n  cd: &S3cret 2",
        "ci: |S3cret\n",
        "ci: !S3cret!x y",
        "ci: {S3cret: 1, S3cret: 2}",
        "ci: [S3cret",
        "ci: S3cret\x01",
        "ci: !!float S3cret",
    ],
)
def test_no_refusal_repeats_anything_of_the_file(file: Path, line: str) -> None:
    said = refusal(file, f"sources:\n  {line}\n")
    assert not any(part in said for part in ("S3cret", "cret", "'S'", "'@'", "'%'", "^"))


def test_everything_that_is_read_can_be_written_as_json(file: Path) -> None:
    file.write_text("a: [2024-05-24, 1e99, 0b1, .nan]\non: !!str 5\n")
    assert json.loads(json.dumps(read_yaml(file), allow_nan=False)) == read_yaml(file)
