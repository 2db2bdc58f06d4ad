"""Bodies are decoded to values. Those that can't be, or that would cost too much, are refused with a reason."""

import time
from typing import Any

import pytest

from relay import limits
from relay.problems import MalformedRequest
from relay.verification.decoding import BodyFormat, decode

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "content_type", "expects", "value"),
    [
        (b'{"a": [1, 2.5, null, "\xc3\xa9"]}', "application/json", "json", {"a": [1, 2.5, None, "é"]}),
        (b'\xef\xbb\xbf{"a": 1}', None, "json", {"a": 1}),
        (b'{"a": 1}', "Application/JSON; Charset=UTF-8", "json", {"a": 1}),
        (b'{"a": 1}', 'text/plain; charset="us-ascii"', "json", {"a": 1}),
        (b'{"a": 1, "a": 2}', None, "json", {"a": 2}),
        (b"5", "", "json", 5),
        (b'{"a": 1}', FORM, "json", {"a": 1}),
        (b' {"a": 1}', FORM, "json-or-form", {"a": 1}),  # curl -d sends everything as a form
        (b'{"a": 1}', "application/json", "json-or-form", {"a": 1}),
        (b"a=1&b=x+%C3%A9&c=", FORM, "json-or-form", {"a": "1", "b": "x é", "c": ""}),
        (b"a=1&a=2", FORM, "json-or-form", {"a": "2"}),
        (
            b"payload=%7B%22type%22%3A%22block_actions%22%7D&v=1",
            FORM,
            "json-or-form",
            {"payload": {"type": "block_actions"}, "v": "1"},
        ),
        (b"payload=text", FORM, "json-or-form", {"payload": "text"}),
        (b"payload=%7B%22action%22%3A%22published%22%7D", FORM, "json-or-payload", {"action": "published"}),
        (
            b"other=1&payload=%7B%22a%22%3A%22x+%26%C3%A9%22%7D",
            f"{FORM}; charset=utf-8",
            "json-or-payload",
            {"a": "x &é"},
        ),
        (b'{"payload": {"a": 1}}', "application/json", "json-or-payload", {"payload": {"a": 1}}),
        (b'{"a": 1}', FORM, "json-or-payload", {"a": 1}),  # curl -d sends everything as a form
        (b'{"a": 1}', None, "json-or-payload", {"a": 1}),
        (b'"\\ud83d\\ude00 \\ud83d"', None, "json", "😀 \N{REPLACEMENT CHARACTER}"),
        (b'{"\\uDC00": ["\\ud800"]}', None, "json", {"\N{REPLACEMENT CHARACTER}": ["\N{REPLACEMENT CHARACTER}"]}),
        (b'"\\\\ud800"', None, "json", "\\ud800"),
    ],
)
def test_a_body_becomes_a_value(body: bytes, content_type: str | None, expects: BodyFormat, value: Any) -> None:
    assert decode(body, content_type, expects=expects) == value


@pytest.mark.parametrize(
    ("body", "content_type", "expects", "detail"),
    [
        (b"", None, "json", "empty body"),
        (b" \r\n", FORM, "json-or-form", "empty body"),
        (b"\xef\xbb\xbf", None, "json", "empty body"),
        (b'{"a": \xff}', None, "json", "not UTF-8 at byte 7"),
        ('{"a": 1}'.encode("utf-16"), None, "json", "not UTF-8"),
        (b"{}", "application/json; charset=iso-8859-1", "json", "in UTF-8"),
        (b'{"a": 1', None, "json", "not JSON: Expecting ',' delimiter at line 1, column 8"),
        (b'{"a": 1} x', None, "json", "Extra data"),
        (b"a=1", "application/json", "json-or-form", "not JSON"),
        (b"--x", "multipart/form-data; boundary=x", "json-or-form", "not JSON"),
        (b"[NaN]", None, "json", "NaN is not JSON"),
        (b"[-Infinity]", None, "json", "-Infinity is not JSON"),
        (b"[1e999]", None, "json", "too large"),
        (b"9" * 65, None, "json", "at most 64 characters"),
        (b"0." + b"1" * 63, None, "json", "at most 64 characters"),
        (b"[" * 65 + b"]" * 65, None, "json", "at most 64 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, None, "json", "at most 64 levels"),
        (b"a=1&" * 1_001, FORM, "json-or-form", "at most 1000 fields"),
        (b"a=%ff", FORM, "json-or-form", "not UTF-8"),
        (b"payload=%7B", FORM, "json-or-form", "not JSON"),
        (b"payload=" + b"[" * 65 + b"]" * 65, FORM, "json-or-form", "at most 64 levels"),
        (b"action=published", FORM, "json-or-payload", "expected JSON in the form's field payload"),
        (b"payload=", FORM, "json-or-payload", "expected JSON in the form's field payload"),
        (b"payload=text", FORM, "json-or-payload", "not JSON"),
        (b"payload=%7B", FORM, "json-or-payload", "not JSON"),
        (b"payload=%7B%22a%22%3ANaN%7D", FORM, "json-or-payload", "NaN is not JSON"),
        (b"payload=%ff", FORM, "json-or-payload", "not UTF-8"),
        (b"payload=" + b"[" * 65 + b"]" * 65, FORM, "json-or-payload", "at most 64 levels"),
        (b"payload=" + b"9" * 65, FORM, "json-or-payload", "at most 64 characters"),
        (b"payload=%7B%7D", "application/json", "json-or-payload", "not JSON"),
    ],
)
def test_anything_else_is_refused_with_a_reason(
    body: bytes, content_type: str | None, expects: BodyFormat, detail: str
) -> None:
    with pytest.raises(MalformedRequest) as problem:
        decode(body, content_type, expects=expects)

    assert detail in problem.value.detail


def test_values_at_the_limits_are_taken(monkeypatch) -> None:
    assert decode(b"9" * 64, None, expects="json") == int("9" * 64)
    assert decode(b"[" * 64 + b"]" * 64, None, expects="json") is not None
    monkeypatch.setattr(limits, "JSON_LEVELS", 2)
    monkeypatch.setattr(limits, "NUMBER_CHARS", 1)
    assert decode(b"[[1]]", None, expects="json") == [[1]]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 524_288,
        b'{"a":' * 100_000,
        b"9" * 524_288,
        b"[" + b"[]," * 170000 + b"[]]",
        b'"' + b"\\ud800" * 80_000 + b'"',
        b"a=1&" * 130_000,
        b"%" * 524_288,
        b"payload=" + b"[" * 500_000,
    ],
)
@pytest.mark.parametrize("expects", ["json-or-form", "json-or-payload"])
def test_the_largest_hostile_bodies_cost_little(body: bytes, expects: BodyFormat) -> None:
    began = time.thread_time()
    for content_type in ("application/json", FORM):
        try:
            decode(body, content_type, expects=expects)
        except MalformedRequest:
            continue

    assert time.thread_time() - began < 5  # linear work takes a tenth of a second, quadratic work minutes
