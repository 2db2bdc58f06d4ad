"""A mistake in the configuration names the source, the route, the field and what was expected."""

from datetime import date

import pytest

from relay.configure.sources import ConfigurationMistake, parse_secrets, parse_source

ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "hi"}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "verify"),
        ({"verify": "nobody"}, "verify"),
        ({"verify": {"preset": "hmac"}}, "verify.header"),
        ({"verify": "bearer", "delivery": "later"}, "delivery"),
        ({"verify": "bearer", "colour": "red"}, "colour"),
        ({"verify": "bearer", "id": "body..id"}, "id"),
        ({"verify": "bearer", "id": "id"}, "id"),
        ({"verify": "bearer", "schema": {"type": "nonsense"}}, "schema"),
        ({"verify": "bearer", "schema": {"$ref": "https://example.com/schema"}}, "schema"),
        ("not a mapping", ""),
    ],
)
def test_wrong_settings_are_refused_by_field(settings, field):
    with pytest.raises(ConfigurationMistake) as mistake:
        parse_source("ci", settings, {}, ())
    assert (mistake.value.source, mistake.value.route, mistake.value.field) == ("ci", None, field)
    assert mistake.value.detail


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scenario": None}, "scenario"),
        ({"scenario": "in cident"}, "scenario"),
        ({"to": []}, "to"),
        ({"to": [{}]}, "to[0]"),
        ({"to": [{"fax": "1"}]}, "to[0].fax"),
        ({"to": [{"phone": "079 302 67 27"}]}, "to[0].phone"),
        ({"to": [{"email": "ops@"}]}, "to[0].email"),
        ({"to": "body..to"}, "to"),
        ({"text": None}, "text"),
        ({"text": "{{ body.a"}, "text"),
        ({"text": "{{ nobody }}"}, "text"),
        ({"text": "{{ item.a }}"}, "text"),
        ({"to": [{"phone": "{{ item.phone }}"}]}, "to[0].phone"),
        ({"item_id": "item.id"}, "item_id"),
        ({"when": "body.a =="}, "when"),
        ({"for_each": "body.["}, "for_each"),
        ({"for_each": "items"}, "for_each"),
        ({"for_each": "item.parts"}, "for_each"),
        ({"for_each": "body.items", "when": "item.kind == 'a'"}, "when"),
        ({"for_each": "body.items", "item_id": "fingerprint"}, "item_id"),
        ({"when": "boddy.action"}, "when"),
        ({"to": "item.recipients"}, "to"),
        ({"text": "  "}, "text"),
        ({"text": "{{ 1 / 0 }}"}, "text"),
        ({"channels": {"sms": {"text": "{% for %}"}}}, "channels.sms.text"),
        ({"channels": {"sms": {"text": "{{ ' ' }}"}}}, "channels.sms.text"),
        ({"channels": {"sms": {"validityPeriod": "30s"}}}, "channels.sms.validityPeriod"),
        ({"channels": {"sms": {"validityPeriod": -1}}}, "channels.sms.validityPeriod"),
        ({"channels": {"sms": {"validityPeriodTimeUnit": "FORTNIGHT"}}}, "channels.sms.validityPeriodTimeUnit"),
        ({"channels": {"viber": {"isPromotional": "perhaps"}}}, "channels.viber.isPromotional"),
        ({"sendAt": "tomorrow"}, "sendAt"),
        ({"sendAt": date(2026, 3, 1)}, "sendAt"),
        ({"notifyUrl": "http://example.com"}, "notifyUrl"),
        ({"callbackData": "x" * 4_001}, "callbackData"),
        ({"subject": "x" * 1_001}, "subject"),
        ({"wen": "body.a"}, "wen"),
    ],
)
def test_a_wrong_route_is_named_and_leaves_the_others_standing(change, field):
    source = parse_source("ci", {"verify": "bearer"}, {"good": ROUTE, "bad": ROUTE | change}, ())
    [mistake] = source.mistakes
    assert (mistake.source, mistake.route) == ("ci", "bad")
    assert mistake.field.startswith(field)
    assert str(mistake).startswith("source ci, route bad, ")
    assert [route.name for route in source.routes] == ["good"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SMS", "expected it as sms"),
        ("whatsapp", "expected it as whatsApp"),
        ("WhatsApp", "expected it as whatsApp"),
        ("KAKAO_ALIM", "expected it as kakaoAlim"),
        ("fax", "there is no such channel: expected one of sms, email, voice, push, viber"),
    ],
)
def test_a_wrong_name_of_a_channel_is_refused_with_the_right_ones(name, words):
    source = parse_source("ci", {"verify": "bearer"}, {"bad": ROUTE | {"channels": {name: {}}}}, ())
    assert [f"source ci, route bad, channels.{name}: {words}" in str(mistake) for mistake in source.mistakes] == [True]


def test_a_value_that_a_template_will_give_is_not_judged_before():
    channels = {
        "sms": {"text": "{{ body.text }}", "validityPeriod": "{{ body.minutes }}"},
        "viber": {"validityPeriodTimeUnit": "{{ body.unit }}", "isPromotional": "{{ body.ad }}"},
        "whatsApp": {"text": None, "templateName": "{{ body.template }}", "templateData": ["{{ body.name }}", "x"]},
    }
    times = {"sendAt": "{{ body.at }}", "notifyUrl": "{{ body.url }}", "callbackData": "{{ body }}"}
    source = parse_source("ci", {"verify": "bearer"}, {"good": ROUTE | times | {"channels": channels}}, ())
    assert not source.mistakes


def test_a_message_source_has_no_routes_and_the_schedules_name_is_taken():
    for name, settings in (("ci", {"verify": "bearer", "format": "message"}), ("schedule", {"verify": "bearer"})):
        with pytest.raises(ConfigurationMistake):
            parse_source(name, settings, {"all": ROUTE}, ())


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        ("one", ("one",)),
        (' ["new", "old"] ', ("new", "old")),
        ("[not json", ("[not json",)),
        ('["new", "", 7]', ("new",)),
        (" new\n", ("new",)),
        ('[" new\\n", "\\told", " "]', ("new", "old")),
        ("", ()),
        ("  ", ()),
    ],
)
def test_secrets_are_one_or_a_list_while_rotating(value, secrets):
    assert parse_secrets(value) == secrets


@pytest.mark.parametrize(
    ("settings", "page"),
    [
        ({"verify": "bearer", "colour": "red"}, "docs/configuration.md"),
        ({"verify": {"preset": "hmac", "header": "X-S", "colour": "red"}}, "docs/senders/hmac.md"),
        ({"verify": {"preset": "github", "header": "X-S"}}, "docs/senders/github.md"),
    ],
)
def test_a_field_that_is_not_there_is_answered_with_the_page_that_lists_them(settings, page):
    with pytest.raises(ConfigurationMistake, match=f"there is no such field; {page} lists them$"):
        parse_source("ci", settings, {}, ())
