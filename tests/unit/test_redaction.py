"""Log lines show neither secrets nor addresses, and keep everything by which a person searches them."""

import base64
import time
from typing import Any

import pytest

from relay.redaction import Redactor

SECRETS = ["s3cr3t/+\"value'<x>é", "App sandbox-api-key", "whsec_MfKQ9r8GKYqrTwjU"]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("to +41 79 302 67 27, or 41793026727", "to +4179*****27, or 4179*****27"),
        ("tel:+1-415-555-0100 0041793026727", "tel:+1415*****00 0041*******27"),
        ("to=%2B41793026727&x=1", "to=+4179*****27&x=1"),
        (r"a\n41793026727\n", r"a\n4179*****27\n"),
        ("Ops <ops.team+x@mail.example.co.uk>", "Ops <o***@mail.example.co.uk>"),
        ("?to=ops%40example.com", "?to=o***@example.com"),
        ("https://user:pa55word@example.com/", "https://user:p***@example.com/"),
        ("Authorization: App 0123abcd-ef", "Authorization: [redacted]"),
        ('{"authorization": "Basic dXNlcjpwYXNz"}', '{"authorization": "[redacted]"}'),
        (r"{\"Authorization\": \"IBSSO abc_DEF.1\"}", r"{\"Authorization\": \"[redacted]\"}"),
        ("sent Bearer abc.DEF-123 there", "sent Bearer [redacted] there"),
        ("x-hub-signature-256: sha256=0123456789abcdef0123", "x-hub-signature-256: [redacted]"),
        ("t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e7", "t=1492774577,v1=[redacted]"),
        ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,[redacted]"),
        ("key whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "key [redacted]"),
        ("?access_token=Zx9 &password=hunter2", "?access_token=[redacted] &password=[redacted]"),
        ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3 y", "x [redacted] y"),
        ("ghp_0123456789abcdefghij xoxb-1234567890-abc AKIAIOSFODNN7EXAMPLE", "[redacted] [redacted] [redacted]"),
    ],
)
def test_what_looks_like_a_secret_or_an_address_is_masked(text: str, cleaned: str) -> None:
    assert Redactor(()).clean(text) == cleaned
    assert Redactor(()).clean(cleaned) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "123e4567-e89b-12d3-a456-426614174000 12345678-1234-1234-1234-417930267271",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 deadbeef41793026727abc",
        "1-58406520-a006649127e371903a2de979 sha256-9f86d081884c7d659a2feaa0",
        "2024-05-24T10:45:38.123456789+0200 2024-05-24 10:45:38,123+0000 20240524T104538Z 2031-05-24T10:45:38.000+1000",
        "1712345678 1712345678901 1712345678.123456 0.30000000000000004 12.41793026727",
        "arn:aws:sns:eu-west-1:417930267271:alerts arn:aws-cn:lambda:cn-north-1:987654321012:function:f:7",
        "52428800 bytes in 1024 parts, bulk 2034072219640523072, status 23",
        "basic authentication failed: bearer token missing, app started",
        "verify.token: expected a text; signature: missing",
        'File "/var/task/handlers/webhook.py", line 12, in handler',
        "4179*****27 o***@example.com [redacted]",
    ],
)
def test_what_a_person_searches_for_stays(text: str) -> None:
    assert Redactor(SECRETS).clean(text) == text


@pytest.mark.parametrize(
    "text",
    [
        SECRETS[0],
        repr(SECRETS[0]),
        "s3cr3t%2F%2B%22value%27%3Cx%3E%C3%A9",
        "s3cr3t/+\\\"value'<x>\\u00e9",
        "s3cr3t/+&quot;value&#x27;&lt;x&gt;é",
        base64.b64encode(SECRETS[0].encode()).decode(),
        base64.urlsafe_b64encode(SECRETS[0].encode()).decode().rstrip("="),
        *(base64.b64encode(user + SECRETS[0].encode() + b"!").decode() for user in (b"a:", b"ab:", b"abc:")),
        "sandbox-api-key",
        "MfKQ9r8GKYqrTwjU",
    ],
)
def test_a_known_secret_is_masked_in_every_form(text: str) -> None:
    cleaned = Redactor(SECRETS).clean(f"before {text} after")

    assert "[redacted]" in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert text not in cleaned


def test_the_password_inside_of_a_basic_authorization_is_hidden() -> None:
    redactor = Redactor(["Basic " + base64.b64encode(b"joe:correct:horse").decode().rstrip("=")])

    assert redactor.clean("correct:horse of joe:correct:horse") == "[redacted] of [redacted]"


def test_a_secret_can_be_added_later_and_a_short_one_shreds_nothing() -> None:
    redactor = Redactor(["abc"])
    redactor.add("later-secret")
    redactor.add("later-secret-longer")

    assert redactor.clean("abc later-secret later-secret-longer") == "abc [redacted] [redacted]"


def test_a_text_that_was_cleaned_before_shows_no_secret_that_was_added_since() -> None:
    redactor = Redactor(())
    assert redactor.clean("it was hunter22") == "it was hunter22"
    redactor.add("hunter22")
    assert redactor.clean("it was hunter22") == "it was [redacted]"


def test_a_log_record_is_cleaned_at_every_depth() -> None:
    record: dict[str, Any] = {
        "level": "INFO",
        "latency_ms": 12.5,
        "attempt": 3,
        "ok": True,
        "nothing": None,
        "timestamp": 1712345678901,
        "phone": 41793026727,
        "to": [{"email": "ops@example.com"}, ("+41793026727",)],
        "headers": {"Authorization": "x", "X-Hub-Signature-256": "y", "cookie": None},
        "body": {"anything": "at all"},
        "raw": b"bytes",
        "error": ValueError("for ops@example.com"),
        "41793026727": 1,
    }

    assert Redactor(()).clean_value(record) == {
        "level": "INFO",
        "latency_ms": 12.5,
        "attempt": 3,
        "ok": True,
        "nothing": None,
        "timestamp": 1712345678901,
        "phone": "4179*****27",
        "to": [{"email": "o***@example.com"}, ["+4179*****27"]],
        "headers": {"Authorization": "[redacted]", "X-Hub-Signature-256": "[redacted]", "cookie": None},
        "body": "[redacted]",
        "raw": "[5 bytes]",
        "error": "for o***@example.com",
        "4179*****27": 1,
    }


def test_a_record_nested_without_end_is_cut_off() -> None:
    record: list[Any] = []
    record.append(record)

    assert "[redacted]" in str(Redactor(()).clean_value(record))


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "a",
        "+",
        "+1",
        "@",
        "a@",
        "token",
        "token=",
        " ",
        "arn:",
        "deadbeef-",
        "app ",
        "sha256=",
        "eyJ",
        "+1 2 3 ",
        "%2B",
        "eyJaaaaaaaaa.",
        "00",
        "0 ",
        "whsec_",
        "ghp_",
        "bearer  ",
        "%40",
        "\\n",
        "a.b-",
        "password: ",
        "1-12345678-",
    ],
)
def test_cleaning_takes_time_in_proportion_to_the_text(piece: str) -> None:
    redactor = Redactor(SECRETS)
    began = time.thread_time()
    redactor.clean(piece * (200_000 // len(piece)))

    assert time.thread_time() - began < 5  # it takes a fraction of a second; in proportion to the square, minutes
