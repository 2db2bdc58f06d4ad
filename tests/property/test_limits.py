"""Any input is rendered, read or cleaned within the limits, or refused with a typed error."""

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import ValidationError

from relay import limits
from relay.configure.expressions import compile_expression
from relay.message.recipients import Recipient
from relay.message.urls import check_public_url
from relay.message.wording import field_errors
from relay.problems import MalformedRequest, Mistake
from relay.redaction import Redactor, mask_email, mask_phone
from relay.templates import compile_template
from relay.verification.decoding import BodyFormat, decode

pytestmark = pytest.mark.no_cover  # tracing would stretch the processor time that these tests bound
ANY_TEXT = st.text(st.characters())  # lone surrogates and control characters included
NUMBERS = st.integers() | st.floats() | st.integers(0, 5_000).map(lambda digits: 10**digits)
NAMES = st.sampled_from(["name", "items", "labels", "get", "__class__"]) | ANY_TEXT
HOSTILE_TEXT = st.sampled_from(
    ["%0999999999d", "{0.__class__}", "{{ body }}", "x" * 2_000, "9" * 5_000, "+41793026727"]
)
JSON: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | ANY_TEXT | HOSTILE_TEXT,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)
TEMPLATE_PIECES = st.sampled_from(
    [
        *(
            "{{ ",
            " }}",
            "{% ",
            " %}",
            "{# ",
            " #}",
            "{%- ",
            " -%}",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ", ",
            ": ",
            ".",
            "...",
        ),
        *("if ", "elif ", "else", "endif", "for x in ", "for a, b in ", "endfor", "set x = ", "macro m()", "endmacro"),
        *(
            "body",
            "body.name",
            "body.items",
            "body.labels",
            "headers",
            "source",
            "id",
            "item",
            "x",
            "loop",
            "loop.index",
        ),
        *(
            " | join",
            " | replace('x', body.name)",
            " | map('upper')",
            " | sort",
            " | length",
            " | first",
            " | default('d')",
        ),
        *(
            " | tojson",
            " | round(",
            " | truncate(",
            " | sum",
            " | unique",
            " | int",
            " | select",
            " | map(attribute='name')",
        ),
        *(" is defined", " is odd", " is in ", " in ", " not ", " and ", " or ", " if ", " else ", " == ", " < "),
        *(
            " * ",
            " ** ",
            " % ",
            " ~ ",
            " + ",
            " - ",
            " // ",
            " / ",
            "-",
            "1",
            "99999999999",
            "1e300",
            "'x'",
            '"%d"',
            "none",
        ),
        *(
            ".upper()",
            ".split('')",
            ".join(",
            ".replace(",
            ".items()",
            ".get('name')",
            ".format(",
            ".__class__",
            "[0]",
            "[:2]",
        ),
        *("\n", " ", "text", "raw", "endraw", "recursive", "\\"),
    ]
)
TEMPLATES = st.lists(TEMPLATE_PIECES | st.text(max_size=3), max_size=30).map("".join)
EXPRESSIONS = st.one_of(
    ANY_TEXT,
    st.lists(
        st.sampled_from([*"abc.[]{}()@*&|?!<>=-`'\",:019 ", "length", "sum", "sort_by", "==", "&&", "||"]), max_size=20
    ).map("".join),
)
FULL_TEXTS = st.sampled_from(
    [
        "{{ %s }}",
        "{%% for x in %s %%}{{ x }}{{ loop.index }}{%% endfor %%}",
        "{%% if %s %%}a{%% endif %%}",
        "{{ (%s) | length }}",
    ]
)
OPERANDS = st.sampled_from(
    ["body", "body.name", "body.items", "body.labels", "'x'", "7", "1.5", "[body, body]", "none", "headers"]
)
STEPS = st.sampled_from(
    [
        *(
            " | join(body.name)",
            " | replace(body.name, body.name)",
            " | map('string')",
            " | map(attribute='name')",
            " | sort",
        ),
        *(
            " | tojson",
            " | string",
            " | upper",
            " | list",
            " | unique",
            " | sum",
            " | round(2)",
            " | int",
            " | reverse",
        ),
        *(
            " ~ body",
            " * 999999999",
            " * body.items",
            " + body.name",
            " % 3",
            " / 0",
            " is odd",
            " in body",
            "[::-1]",
            "[body.name]",
        ),
        *(
            ".items()",
            ".join(body)",
            ".split(body.name)",
            ".get(body)",
            ".name",
            ".name.name",
            " | truncate(body.items)",
        ),
        *(
            " | dictsort | string",
            " | select('odd') | list",
            " | selectattr('name', '<', 3) | list",
            " | max",
            " | default(body)",
        ),
    ]
)
VALID_TEMPLATES = st.builds(
    lambda frame, operand, steps: frame % (operand + "".join(steps)), FULL_TEXTS, OPERANDS, st.lists(STEPS, max_size=6)
)
RELAXED = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@RELAXED
@given(source=TEMPLATES | ANY_TEXT | VALID_TEMPLATES, body=JSON | st.fixed_dictionaries({"name": JSON, "items": JSON}))
@example(source="{{ body }}", body=10**5_000)
@example(source="{{ body }}", body="\ud800")
def test_any_template_over_any_data_soon_gives_a_short_text_or_a_mistake(source: str, body: Any) -> None:
    began = time.thread_time()
    try:
        text = compile_template(source).render({"body": body, "headers": {}, "source": "s", "id": "1"})
    except Mistake as problem:
        text = problem.detail

    assert len(text) <= limits.TEXT_CHARS
    text.encode()
    assert time.thread_time() - began < 5


@RELAXED
@given(source=EXPRESSIONS, data=JSON)
def test_any_expression_over_any_data_gives_a_result_or_a_mistake(source: str, data: Any) -> None:
    try:
        compile_expression(source).search(data)
    except Mistake as problem:
        str(problem).encode(errors="backslashreplace")


BODY_FORMATS: SearchStrategy[BodyFormat] = st.sampled_from(["json", "json-or-form", "json-or-payload"])
CONTENT_TYPES = (
    st.none() | ANY_TEXT | st.sampled_from(["application/json", "application/x-www-form-urlencoded", "a;charset="])
)
JSON_LIKE = st.lists(
    st.sampled_from([*'[]{}",:\\0123456789.eE+-', "true", "null", "\\ud800", '"a":', "payload="]), max_size=60
)


@RELAXED
@given(body=st.binary() | JSON_LIKE.map("".join).map(str.encode), content_type=CONTENT_TYPES, expects=BODY_FORMATS)
def test_any_bytes_decode_to_text_that_can_be_sent_or_are_refused(
    body: bytes, content_type: str | None, expects: BodyFormat
) -> None:
    try:
        value = decode(body, content_type, expects=expects)
    except MalformedRequest as problem:
        problem.detail.encode()
        return

    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@RELAXED
@given(value=JSON)
def test_json_within_the_limits_survives_decoding(value: Any) -> None:
    text = json.dumps(value, default=str)[:500_000] if _small(value) else "0"
    assume("NaN" not in text and "Infinity" not in text and "\\ud" not in text and text.strip())

    assert decode(text.encode(), None, expects="json") == json.loads(text)


def _small(value: Any) -> bool:
    if isinstance(value, int):
        return value.bit_length() < 200
    if isinstance(value, list):
        return all(map(_small, value))
    return all(map(_small, value.values())) if isinstance(value, dict) else True


@RELAXED
@given(
    raw=st.dictionaries(
        st.sampled_from(["phone", "email"]) | ANY_TEXT,
        JSON | st.from_regex(r"\+?[0-9 ()-]{5,20}|.{1,9}@.{1,9}\.[a-z]+"),
    )
)
def test_any_json_is_a_recipient_or_a_list_of_wrong_fields(raw: dict[str, Any]) -> None:
    try:
        recipient = Recipient.model_validate(raw)
    except ValidationError as problem:
        str(field_errors(problem)).encode()
        return

    assert recipient.phone or recipient.email
    assert recipient.phone is None or (recipient.phone.isascii() and recipient.phone.isdigit())
    assert recipient.email is None or recipient.email.isascii()


@given(url=ANY_TEXT | ANY_TEXT.map("https://".__add__))
def test_any_text_is_a_public_url_or_refused(url: str) -> None:
    try:
        check_public_url(url)
    except Mistake:
        return

    assert url.lower().startswith("https://")


BORDERS = st.sampled_from(["", " ", '"', "'", ": ", "=", "\n", "(", "<", ",", "\\n", "/", "[", "{'a': '"])
PLAIN = st.text("abc xyz.,:;/-_()\n\t", max_size=20)
SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=8, max_size=40).filter(
    lambda text: not set(text) <= set("[redacted]*@")
)
PHONES = st.sampled_from(["41793026727", "14155550100", "442079460958", "4930901820", "85212345678"])
FORMATS = st.sampled_from(["{}", "+{}", "00{}", "%2B{}", "+{0:.2} {0:.4}"])
EMAILS = st.from_regex(r"[a-z][a-z0-9.+_-]{1,30}[a-z0-9]@[a-z0-9]{1,20}\.(com|co\.uk|museum)", fullmatch=True)
CREDENTIALS = st.builds(
    "{} {}".format,
    st.sampled_from(["App", "Bearer", "basic", "IBSSO"]),
    st.from_regex(r"[A-Z][a-zA-Z0-9._~+/-]{8,40}", fullmatch=True),
)
SIGNATURES = st.builds(
    "{}{}".format, st.sampled_from(["v1=", "v0=", "sha256=", "v1,"]), st.binary(min_size=20, max_size=64).map(bytes.hex)
)


@RELAXED
@given(secret=SECRETS, before=PLAIN, border=BORDERS, after=PLAIN)
def test_a_planted_secret_is_removed_in_every_form(secret: str, before: str, border: str, after: str) -> None:
    assume(secret not in before + border and secret not in border + after)
    encoded = base64.b64encode(secret.encode()).decode()
    cleaned = Redactor([secret]).clean(
        before + border + secret + border + encoded + border + json.dumps(secret) + after
    )

    assert secret not in cleaned
    assert encoded not in cleaned


@RELAXED
@given(canary=PHONES, form=FORMATS, before=PLAIN, border=BORDERS, after=BORDERS)
def test_a_planted_phone_number_is_removed(canary: str, form: str, before: str, border: str, after: str) -> None:
    assume(not (before + border)[-1:].isalnum() or form.startswith(("+", "%")) or border == "\\n")
    cleaned = Redactor(()).clean(before + border + form.format(canary, canary[2:]) + after)

    assert canary not in cleaned


@RELAXED
@given(canary=EMAILS | CREDENTIALS | SIGNATURES, before=PLAIN, border=BORDERS.filter(bool), after=BORDERS.filter(bool))
def test_planted_addresses_credentials_and_signatures_are_removed(
    canary: str, before: str, border: str, after: str
) -> None:
    cleaned = Redactor(()).clean(before + border + canary + after)

    assert canary not in cleaned
    for word in canary.replace("=", " ").replace(",", " ").split():
        assert len(word) < 8 or word not in cleaned


@RELAXED
@given(
    kept=st.uuids().map(str)
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.integers(10**9, 2 * 10**9 - 1).map(str)
)
def test_ids_and_times_stay_as_they_are(kept: str) -> None:
    assert Redactor(["some-secret"]).clean(f"at {kept}, {kept}") == f"at {kept}, {kept}"


@RELAXED
@given(value=JSON)
def test_cleaning_a_record_twice_changes_nothing_more(value: Any) -> None:
    redactor = Redactor(["some-secret"])
    cleaned = redactor.clean_value(value)

    assert repr(redactor.clean_value(cleaned)) == repr(cleaned)


@given(text=ANY_TEXT)
def test_masks_keep_little_of_any_text(text: str) -> None:
    shown = mask_phone(text).replace("*", "")
    assert len(shown) <= 6
    assert len(text) >= 10 or not shown
    assert len(mask_email(text).partition("@")[0]) <= 4
