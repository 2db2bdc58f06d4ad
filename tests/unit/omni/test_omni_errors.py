"""Error answers are read in both shapes and formats, with Retry-After. Authorization has four forms."""

import base64
import json
from datetime import UTC, datetime

import pytest

from omni.answers import RawAnswer, read_error, retry_after_seconds
from omni.authorization import (
    InvalidAuthorization,
    app_authorization,
    basic_authorization,
    bearer_authorization,
    checked_authorization,
    ibsso_authorization,
)
from omni.errors import STATUS_ERRORS, BadRequest, ErrorBody, ServerError, Throttled, UnexpectedStatus

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
OLD = {"requestError": {"serviceException": {"messageId": "BAD_REQUEST", "text": "[destinations : may not be empty]"}}}
NEW = {
    "errorCode": "E429",
    "description": "Too many",
    "action": "Wait",
    "violations": [{"property": "to", "violation": "missing"}],
    "resources": [{"name": "Docs", "url": "https://example.com"}],
}
OLD_XML = (
    b"<requestError><serviceException><messageId>BAD_REQUEST</messageId>"
    b"<text>[destinations : may not be empty]</text></serviceException></requestError>"
)


@pytest.mark.parametrize(
    ("content_type", "content"), [("application/json", json.dumps(OLD).encode()), ("application/xml", OLD_XML)]
)
def test_the_old_shape_is_understood_in_both_formats(content_type: str, content: bytes) -> None:
    error = read_error(RawAnswer(400, {"Content-Type": content_type}, content), asked="json", now=NOW)

    assert isinstance(error, BadRequest)
    assert error.body == ErrorBody(code="BAD_REQUEST", text="[destinations : may not be empty]")
    assert str(error) == "OMNI answered 400 BAD_REQUEST"


def test_the_new_shape_is_understood() -> None:
    error = read_error(RawAnswer(429, {"Retry-After": "5"}, json.dumps(NEW).encode()), asked="json", now=NOW)

    assert isinstance(error, Throttled)
    assert error.retry_after == 5.0
    assert error.body == ErrorBody(
        code="E429",
        text="Too many",
        action="Wait",
        violations=({"property": "to", "violation": "missing"},),
        resources=({"name": "Docs", "url": "https://example.com"},),
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b'{"requestError": "x"}',
        b'{"requestError": {"serviceException": []}}',
        b'{"errorCode": 5, "violations": "x"}',
        b'{"errorCode": "41793026727 was refused"}',
    ],
)
def test_a_body_of_another_shape_still_gives_the_status(content: bytes) -> None:
    error = read_error(RawAnswer(502, {"Content-Type": "text/html"}, content), asked="json", now=NOW)

    assert isinstance(error, ServerError)
    assert str(error) == "OMNI answered 502"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("9" * 400, None),
        ("1e3", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


def test_every_server_error_is_one() -> None:
    assert {STATUS_ERRORS[status] for status in range(500, 600)} == {ServerError}
    assert STATUS_ERRORS.get(302, UnexpectedStatus) is UnexpectedStatus


def test_each_authorization_form_is_built_and_recognised() -> None:
    built = [
        app_authorization("key"),
        basic_authorization("Aladdin", "open sesame"),
        ibsso_authorization("token"),
        bearer_authorization("token"),
    ]

    assert built == ["App key", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "IBSSO token", "Bearer token"]
    assert [checked_authorization(value) for value in built] == built


@pytest.mark.parametrize(
    "value", ["app key", "BASIC QWxhZGRpbjpvcGVuIHNlc2FtZQ", "ibsso t", "bEaReR t", "  App key\n", "App  key"]
)
def test_any_letter_case_and_missing_padding_are_fine(value: str) -> None:
    assert checked_authorization(value) == value.strip()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "App",
        "App ",
        "key",
        "Digest abc",
        "Bearer two words",
        "App ke\ny",
        "App key\r\nX-Injected: 1",
        "App ключ",
        "Basic ???",
        "Basic " + base64.b64encode(b"no colon").decode(),
    ],
)
def test_what_is_no_authorization_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(InvalidAuthorization) as raised:
        checked_authorization(value)

    assert not {word for word in value.split() if len(word) > 6} & set(str(raised.value).split())


def test_a_user_name_with_a_colon_is_refused() -> None:
    with pytest.raises(InvalidAuthorization):
        basic_authorization("a:b", "c")
