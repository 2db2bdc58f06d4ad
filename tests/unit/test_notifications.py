"""What a notification must say, on each channel, and in which words its mistakes are told."""

import pytest

from relay.problems import InvalidBody
from relay.routing import parse_notification

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
def test_a_channel_says_the_text_of_all_or_something_of_its_own(fields):
    assert parse_notification(NOTE | fields).channels == fields["channels"]


def test_a_null_does_not_hide_what_holds_for_all_channels():
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
