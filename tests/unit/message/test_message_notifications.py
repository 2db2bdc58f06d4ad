"""A notification says something on each of its channels; a refusal lists every wrong field in plain words."""

from datetime import UTC, datetime

import pytest

from relay import limits
from relay.message.notifications import parse_notification
from relay.problems import InvalidBody

NOTE = {"to": [{"phone": "+41793026727"}], "scenario": "incident"}


def problems(**fields):
    with pytest.raises(InvalidBody) as refusal:
        parse_notification(NOTE | fields)
    return {error.field: error.problem for error in refusal.value.errors}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "text"),
        ({"text": " \n"}, "text"),
        ({"channels": {}}, "text"),
        ({"channels": {"sms": {}}}, "channels.sms.text"),
        ({"channels": {"sms": {"txt": "x"}}}, "channels.sms.text"),
        ({"channels": {"sms": {"text": None}}}, "channels.sms.text"),
        ({"channels": {"sms": {"text": "x"}, "email": {"subject": "x"}}}, "channels.email.text"),
        ({"text": "x", "channels": {"sms": {"text": " "}}}, "channels.sms.text"),
        ({"channels": {"viber": {"buttonText": "x"}}}, "channels.viber.text"),
        ({"channels": {"nextYears": {}}}, "channels.nextYears.text"),
    ],
)
def test_a_channel_that_would_say_nothing_is_refused(fields, field):
    assert list(problems(**fields)) == [field]
    assert problems(**fields)[field].startswith("expected a text")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"to": [{"phone": "079 302 67 27"}]}, "to[0].phone text"),
        (
            {"to": [{"phone": "079"}, {"email": "a@example.com"}, {"email": "a@"}, {}, 7]},
            "to[0].phone to[2].email to[3] to[4] text",
        ),
        ({"to": [{"phone": "079", "email": "a@", "fax": 1}], "text": "x"}, "to[0].phone to[0].email to[0].fax"),
        ({"scenario": "in cident", "text": 5, "sendAt": "tomorrow"}, "scenario text sendAt"),
        (
            {"to": "all", "channels": {"sms": {}, "email": {"text": "x"}, "voice": {}}},
            "to channels.sms.text channels.voice.text",
        ),
        ({"to": [], "channels": {"SMS": {}, "email": {}}}, "to channels.SMS channels.email.text"),
        (
            {"notifyUrl": "http://a", "channels": {"sms": {"validityPeriod": "x"}, "viber": {"isPromotional": "x"}}},
            "channels.sms.validityPeriod channels.viber.isPromotional notifyUrl channels.sms.text channels.viber.text",
        ),
        (
            {"channels": {"sms": {"text": "x", "validityPeriod": 0, "validityPeriodTimeUnit": "x"}}},
            "channels.sms.validityPeriod channels.sms.validityPeriodTimeUnit",
        ),
        ({"channels": [], "text": None, "colour": "red"}, "channels colour text"),
        ({"channels": "sms"}, "channels"),
        ({"channels": {"sms": "x"}}, "channels.sms"),
    ],
)
def test_each_wrong_field_is_listed_and_rules_across_fields_too(fields, wrong):
    assert list(problems(**fields)) == wrong.split()


@pytest.mark.parametrize("raw", [None, 7, "text", [], [NOTE], {}])
def test_a_body_of_another_kind_is_refused(raw):
    with pytest.raises(InvalidBody) as refusal:
        parse_notification(raw)
    assert [error.field for error in refusal.value.errors] == (["to", "scenario", "text"] if raw == {} else ["(body)"])


def test_of_thousands_of_wrong_recipients_the_first_few_are_listed():
    wrong = problems(to=[{"phone": "079", "email": "a@"}] * limits.RECIPIENTS)
    assert list(wrong) == [f"to[{n}].{field}" for n in range(limits.ERRORS // 2) for field in ("phone", "email")]


def test_no_value_is_repeated():
    secret = "correct-horse"
    fields = {
        name: [secret] for name in ("id", "scenario", "text", "sendAt", "notifyUrl", "callbackData", f"{secret}@")
    }
    channels = {"sms": {"text": [secret], secret + "!": 1}, "viber": {"isPromotional": secret}, secret + "?": {}}
    wrong = problems(**fields, to=[{"phone": secret, "email": secret}, secret, {secret + ".": 1}], channels=channels)
    assert secret not in str(wrong)
    assert len(wrong) > 10


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "x", "channels": {"sms": {}, "voice": {"language": "en"}, "viber": {"buttonText": "x"}}},
        {"channels": {"whatsApp": {"templateName": "alert", "templateData": ["x"]}}},
        {"channels": {"viber": {"imageURL": "https://example.com/a.png"}}},
        {"channels": {"push": {"customPayload": {"refresh": True}}}},
        {"channels": {"sms": {"text": 42}}},
        {"channels": {"nextYears": {"picture": "x"}}},
    ],
)
def test_a_channel_says_the_common_text_or_something_of_its_own(fields):
    assert parse_notification(NOTE | fields).channels == fields["channels"]


def test_a_null_does_not_hide_the_text_for_all_channels():
    channels = {"sms": {"text": None}, "email": {"subject": None, "text": "longer"}}
    notification = parse_notification(NOTE | {"text": "x", "channels": channels})
    assert notification.channels == {"sms": {}, "email": {"text": "longer"}}


def test_a_known_channel_in_other_letters_is_refused_and_an_unknown_one_passes():
    assert problems(text="x", channels={"whatsapp": {}}) == {"channels.whatsapp": "expected it as whatsApp"}
    assert parse_notification(NOTE | {"text": "x", "channels": {"nextYears": {}}}).channels == {"nextYears": {}}


@pytest.mark.parametrize("period", [30, "30", "30.0", " ", None])
def test_a_validity_period_is_a_whole_number_in_any_form(period):
    parse_notification(NOTE | {"text": "x", "channels": {"sms": {"validityPeriod": period}}})
    for wrong in (0, "-1", "30s", 1.5):
        channels = {"sms": {"validityPeriod": wrong}}
        assert problems(text="x", channels=channels)["channels.sms.validityPeriod"].startswith(
            "expected a whole number"
        )


LONG = "x" * 20_001


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"text": LONG}, "text"),
        ({"channels": {"sms": {"text": LONG}}}, "channels.sms.text"),
        (
            {"channels": {"whatsApp": {"templateName": "a", "templateData": ["x", LONG]}}},
            "channels.whatsApp.templateData[1]",
        ),
        ({"channels": {"push": {"customPayload": {"a": {"b": LONG}}}}}, "channels.push.customPayload.a.b"),
    ],
)
def test_each_text_of_a_message_has_the_same_limit(fields, field):
    assert problems(**fields) == {field: "expected 20000 characters or fewer"}


def test_a_mails_own_subject_has_the_limit_of_any_subject():
    subject = {"channels": {"email": {"text": "x", "subject": "x" * 1_001}}}
    assert problems(**subject) == {"channels.email.subject": "expected 1000 characters or fewer"}


def test_all_texts_come_out_clean_and_subjects_in_one_line():
    dirty, injected = " a\x00\r\nb\x1b ", "Hello\r\nBcc: all@example.com\n\u2028 there"
    channels = {
        "sms": {"text": dirty},
        "email": {"text": dirty, "subject": injected},
        "push": {"text": dirty, "customPayload": {"a": [dirty, 1, None, "\ud800"]}},
    }
    notification = parse_notification(
        NOTE | {"text": dirty, "subject": injected, "callbackData": dirty, "channels": channels}
    )
    clean, line = "a\nb", "Hello Bcc: all@example.com there"
    assert (notification.text, notification.subject, notification.callback_data) == (clean, line, clean)
    assert notification.channels == {
        "sms": {"text": clean},
        "email": {"text": clean, "subject": line},
        "push": {"text": clean, "customPayload": {"a": [clean, 1, None, "\ufffd"]}},
    }


def test_a_text_that_is_blank_once_it_is_clean_says_nothing():
    assert list(problems(text="\x00")) == ["text"]
    assert list(problems(channels={"sms": {"text": "\x00 "}})) == ["channels.sms.text"]


@pytest.mark.parametrize(
    "at",
    [
        *(42, "42", -1, "-1", 4.2, True, [], "tomorrow", "2026-03-01", "2026-03-01T12:00:00", "20260301"),
        *(datetime(2026, 3, 1, 12), "2026-13-01T12:00:00Z", "2026-03-01T25:00Z", "2026-03-01T12:00:00+99:00"),  # noqa: DTZ001 - no zone is the case
    ],
)
def test_a_time_is_a_date_time_with_its_zone(at):
    words = "expected a date and time with its zone, such as 2026-03-01T12:00:00Z"
    assert problems(text="x", sendAt=at) == {"sendAt": words}


@pytest.mark.parametrize(
    "at",
    [
        *(
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00.000+0000",
            " 2026-03-01T13:00+01:00 ",
            "2026-03-01 12:00:00+00:00",
        ),
        datetime(2026, 3, 1, 12, tzinfo=UTC),
    ],
)
def test_a_time_may_be_written_in_the_forms_of_iso_8601(at):
    assert parse_notification(NOTE | {"text": "x", "sendAt": at}).send_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_an_empty_time_or_address_of_reports_counts_as_absent():
    notification = parse_notification(NOTE | {"text": "x", "sendAt": " ", "notifyUrl": ""})
    assert (notification.send_at, notification.notify_url) == (None, None)


def test_a_repeated_pair_of_addresses_is_one_recipient_in_any_letter_case():
    phone = "+41793026727"
    to = [{"email": "OPS@example.com"}, {"phone": phone}, {"email": "ops@Example.com"}, {"phone": phone}]
    to += [{"phone": phone, "email": "ops@example.com"}]
    recipients = [(each.phone, each.email) for each in parse_notification(NOTE | {"text": "x", "to": to}).to]
    assert recipients == [(None, "OPS@example.com"), (phone[1:], None), (phone[1:], "ops@example.com")]
