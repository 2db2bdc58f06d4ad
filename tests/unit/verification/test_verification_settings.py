"""The settings that `verify:` takes, and how a mistake in them is reported."""

from typing import Any

import pytest
from pydantic import ValidationError

from relay.verification import PRESETS, parse
from tests.unit.verification.senders import SENDERS

SNS_TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
REQUIRED: dict[str, dict[str, Any]] = {
    "hmac": {"header": "X-Signature"},
    "twilio": {"public_url": "https://relay.example.com/webhooks/twilio"},
    "sns": {"topic_arns": [SNS_TOPIC]},
}
SENDERS_OF_THE_LIST = {
    "standard-webhooks", "svix", "github", "gitlab", "stripe", "shopify", "slack", "pagerduty", "twilio", "grafana",
    "alertmanager", "sns", "bearer", "basic", "api-key", "hmac",
}  # fmt: skip


def test_every_sender_of_the_list_has_its_row() -> None:
    assert set(PRESETS) == SENDERS_OF_THE_LIST


def test_the_tests_sign_for_every_preset() -> None:
    """SNS signs within the body, so test_verification_sns.py is about it."""
    assert {parse(sender.verify).name for sender in SENDERS} == set(PRESETS) - {"sns"}


@pytest.mark.parametrize("name", sorted(set(PRESETS) - set(REQUIRED)))
def test_a_name_alone_will_do(name: str) -> None:
    assert parse(name) == parse({"preset": name})
    assert parse(name).name == name


@pytest.mark.parametrize("name", REQUIRED)
def test_a_preset_that_must_know_something_says_what(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(name)
    assert [error["loc"] for error in caught.value.errors()] == [tuple(REQUIRED[name])]
    parse({"preset": name, **REQUIRED[name]})


@pytest.mark.parametrize(
    "value", ["githup", "", "GitHub", {}, {"preset": 1}, {"preset": ["hmac"]}, None, 7, ["github"]]
)
def test_what_is_no_preset_is_answered_with_the_list(value: Any) -> None:
    with pytest.raises(ValueError, match="expected a preset, one of standard-webhooks, svix, github"):
        parse(value)


STAMPED = {"preset": "hmac", "header": "X-S", "timestamp_header": "X-T", "signed": "{timestamp}.{body}"}
MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"preset": "github", "header": "x"}, "header", "Extra inputs are not permitted"),
    ({"preset": "stripe", "tolerance": 0}, "tolerance", "greater than or equal to 1"),
    ({"preset": "stripe", "tolerance": 86_401}, "tolerance", "less than or equal to 86400"),
    ({"preset": "slack", "tolerance": "300"}, "tolerance", "valid integer"),
    ({"preset": "hmac", "header": "X Signature"}, "header", "should match pattern"),
    ({"preset": "hmac", "header": "X-S", "algorithm": "md5"}, "algorithm", "'sha1', 'sha256' or 'sha512'"),
    ({"preset": "hmac", "header": "X-S", "encoding": "raw"}, "encoding", "'hex' or 'base64'"),
    ({"preset": "hmac", "header": "X-S", "signed": "{timestmp}.{body}"}, "signed", "unknown placeholder {timestmp}"),
    ({"preset": "hmac", "header": "X-S", "signed": "{id}", "id_header": "X-I"}, "signed", "expected {body} in it"),
    ({"preset": "hmac", "header": "X-S", "signed": "{timestamp}.{body}"}, "", "expected timestamp_header"),
    ({"preset": "hmac", "header": "X-S", "signed": "{id}.{body}"}, "", "expected id_header"),
    ({"preset": "hmac", "header": "X-S", "timestamp_header": "X-T"}, "", "expected {timestamp} in signed"),
    (STAMPED | {"header": "x-t"}, "", "expected a timestamp_header other than header"),
    (STAMPED | {"id_header": "x-t"}, "", "expected a timestamp_header other than id_header"),
    (
        {"preset": "grafana", "header": "X-T", "timestamp_header": "x-t"},
        "",
        "expected a timestamp_header other than header",
    ),
    ({"preset": "grafana", "timestamp_header": "X-Grafana-Alerting-Signature"}, "", "other than header"),
    ({"preset": "twilio", "public_url": "relay.example.com"}, "public_url", "should match pattern"),
    ({"preset": "twilio", "public_url": "https://a.example/x?y=1"}, "public_url", "without a query"),
    ({"preset": "sns", "topic_arns": []}, "topic_arns", "at least 1 item"),
    ({"preset": "sns", "topic_arns": ["alarms"]}, "topic_arns.0", "should match pattern"),
    ({"preset": "alertmanager", "auth": "digest"}, "auth", "'bearer' or 'basic'"),
]


@pytest.mark.parametrize(("value", "field", "expected"), MISTAKES)
def test_a_mistake_names_the_field_and_what_was_expected(value: dict[str, Any], field: str, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(value)
    error, *_ = caught.value.errors()
    assert ".".join(map(str, error["loc"])) == field
    assert expected in error["msg"]


def test_header_names_may_be_written_in_any_case() -> None:
    upper = parse({"preset": "hmac", "header": "X-SIGNATURE", "id_header": "X-Id"})
    assert upper.scheme == parse({"preset": "hmac", "header": "x-signature", "id_header": "x-id"}).scheme


def test_settings_change_a_copy_and_never_the_table() -> None:
    before = PRESETS["stripe"].scheme
    changed = parse({"preset": "stripe", "tolerance": 60}).scheme
    assert changed != before
    assert PRESETS["stripe"].scheme == before
    assert parse("stripe").scheme == before


@pytest.mark.parametrize("name", ["github", "gitlab", "stripe", "shopify", "slack", "pagerduty", "twilio"])
def test_senders_in_a_hurry_and_those_that_never_repeat_are_queued(name: str) -> None:
    assert PRESETS[name].delivery == "queued"
