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
    "pubsub": {"audience": "https://relay.example.com", "email": "pusher@example.iam.gserviceaccount.com"},
    "paypal": {"webhook_id": "9XL90610J3647323C"},
    "hubspot": {"public_url": "https://relay.example.com/webhooks/hubspot"},
    "square": {"public_url": "https://relay.example.com/webhooks/square"},
}
SENDERS_OF_THE_LIST = {
    "standard-webhooks", "svix", "github", "gitlab", "stripe", "shopify", "slack", "pagerduty", "twilio", "grafana",
    "alertmanager", "sns", "linear", "sentry", "zendesk", "intercom", "typeform", "zoom", "mailgun", "hubspot",
    "square", "discord", "sendgrid", "bitbucket", "jira", "docusign", "vercel", "calendly", "launchdarkly", "checkly",
    "meta", "dropbox", "okta", "microsoft-graph", "event-grid", "pubsub", "adyen", "paypal", "paddle", "bearer",
    "basic", "api-key", "hmac",
    "public-key", "jwt",
}  # fmt: skip


def test_every_sender_of_the_list_has_its_row() -> None:
    assert set(PRESETS) == SENDERS_OF_THE_LIST


def test_the_tests_sign_for_every_preset() -> None:
    """Some have no secret: see test_verification_sns.py, test_verification_tokens.py and test_senders_openssl.py."""
    assert {parse(sender.verify).name for sender in SENDERS} == set(PRESETS) - {"sns", "pubsub", "paypal", "jwt"}


@pytest.mark.parametrize("name", sorted(set(PRESETS) - set(REQUIRED) - {"public-key", "jwt"}))
def test_a_name_alone_will_do(name: str) -> None:
    assert parse(name) == parse({"preset": name})
    assert parse(name).name == name


@pytest.mark.parametrize("name", REQUIRED)
def test_a_preset_that_must_know_something_says_what(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(name)
    errors = caught.value.errors()
    assert [error["loc"] for error in errors] == [(field,) for field in REQUIRED[name]] or (
        name == "hmac" and "expected header, query or field" in errors[0]["msg"]
    )
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
    ({"preset": "hmac", "header": "X-S", "algorithm": "md5"}, "algorithm", "'sha1', 'sha256', 'sha384' or 'sha512'"),
    ({"preset": "hmac", "header": "X-S", "encoding": "raw"}, "encoding", "'hex', 'base64' or 'base64url'"),
    ({"preset": "hmac", "header": "X-S", "signed": "{timestmp}.{body}"}, "signed", "unknown placeholder {timestmp}"),
    (
        {"preset": "hmac", "header": "X-S", "signed": "{id}", "id_header": "X-I"},
        "",
        "expected {body} or {body_hash:…} in signed",
    ),
    ({"preset": "hmac", "header": "X-S", "signed": "{timestamp}.{body}"}, "", "expected timestamp_header"),
    ({"preset": "hmac", "header": "X-S", "signed": "{id}.{body}"}, "", "expected id_header"),
    ({"preset": "hmac", "header": "X-S", "timestamp_header": "X-T"}, "", "expected {timestamp} in signed"),
    ({"preset": "hmac", "header": "X-S", "query": "sig"}, "", "expected only one of header and query"),
    ({"preset": "hmac", "field": "a..b"}, "field", "should match pattern"),
    ({"preset": "hmac", "field": "a[0].b"}, "field", "should match pattern"),
    ({"preset": "hmac", "header": "X-S", "signed": "{field:a..b}{body}"}, "signed", "unknown placeholder {field:a..b}"),
    ({"preset": "hmac", "header": "X-S", "signed": "{body_hash:md5-hex}"}, "signed", "unknown placeholder"),
    ({"preset": "hmac", "header": "X-S", "signed": "{url}{body}"}, "", "expected public_url"),
    ({"preset": "hmac", "header": "X-S", "signed": "{body_hash:crc32}"}, "", "expected {body} or {body_hash:…}"),
    ({"preset": "hmac", "field": "s", "signed": "{field:token}"}, "", "say so by covers_body: false"),
    ({"preset": "hmac", "header": "X-S", "covers_body": False}, "", "signed covers the body"),
    (
        {"preset": "hmac", "field": "s", "signed": "{field:t}", "covers_body": False, "timestamp_field": "at"},
        "",
        "timestamp_field is set: expected {timestamp} in signed",
    ),
    (STAMPED | {"timestamp_field": "at"}, "", "expected only one of timestamp_header and timestamp_field"),
    (
        {"preset": "hmac", "header": "X-S", "timestamp_prefix": "t=", "signed": "{timestamp}.{body}"},
        "",
        "expected separator",
    ),
    ({"preset": "hmac", "header": "X-S", "timestamp_prefix": "t=", "separator": ","}, "", "expected {timestamp} in"),
    ({"preset": "hmac", "header": "X-S", "key_encoding": "pem"}, "key_encoding", "'text', 'base64' or 'hex'"),
    ({"preset": "api-key", "query": "a", "field": "b"}, "", "expected only one of query and field"),
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


def test_a_source_may_take_200_for_what_is_accepted() -> None:
    assert parse({"preset": "bearer", "accepted": 200}).accepted == 200
    assert {parse(name).accepted for name in ("bearer", "github")} == {202}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_that_needs_no_settings_is_read_without_them(name: str) -> None:
    row = PRESETS[name]
    try:
        row.model.model_validate({"preset": name})
    except ValidationError:
        assert not row.complete
    else:
        assert row.complete
        assert parse(name) is row
