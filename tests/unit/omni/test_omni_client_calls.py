"""The client sends the API's requests and returns its answers, over a real connection."""

import json
from datetime import UTC, datetime

import pytest

from omni.client import OmniClient
from omni.contents import Sms, Viber
from omni.errors import InvalidRequest
from omni.models import AdvancedRequest, Destination, Scenario, Status, Step, TextRequest, To
from tests.unit.omni.scripted_server import Server

REQUEST = TextRequest(
    destinations=(
        Destination(message_id="MESSAGE-ID-123-xyz", to=To(phone_number="41793026727", email_address="a@example.com")),
        Destination(to=To(phone_number="41793026731")),
    ),
    bulk_id="Bulk-ID-12xyz",
    scenario_key="AD9E01A5DC7BEE2C2B828D208182A611",
    text="Failover text",
    mail_subject="Email subject",
)
XML_ANSWER = b"""<omniResponse>
    <bulkId>Bulk-ID-12xyz</bulkId>
    <messages>
    <message>
            <to>
        <phoneNumber>41793026727</phoneNumber>
      </to>
            <status>
                <groupId>0</groupId>
                <groupName>ACCEPTED</groupName>
                <id>0</id>
                <name>MESSAGE_ACCEPTED</name>
                <description>Message accepted</description>
            </status>
            <messageId>MESSAGE-ID-123-xyz</messageId>
        </message>
  </messages>
</omniResponse>"""
SCENARIO = {"key": "AD9E", "name": "n", "flow": [{"from": "x", "channel": "NEWCHANNEL"}], "defaultScenario": True}


def test_a_text_goes_out_in_the_apis_own_form(server: Server, client: OmniClient) -> None:
    server.answer()

    client.send_text(REQUEST)

    (sent,) = server.received
    assert (sent.method, sent.target) == ("POST", "/omni/1/text")
    assert sent.headers["authorization"] == "App secret-api-key-1234"
    assert sent.headers["content-type"].startswith("application/json")
    assert sent.headers["accept"] == "application/json"
    assert json.loads(sent.body) == {
        "destinations": [
            {
                "messageId": "MESSAGE-ID-123-xyz",
                "to": {"phoneNumber": "41793026727", "emailAddress": "a@example.com"},
            },
            {"to": {"phoneNumber": "41793026731"}},
        ],
        "bulkId": "Bulk-ID-12xyz",
        "scenarioKey": "AD9E01A5DC7BEE2C2B828D208182A611",
        "text": "Failover text",
        "mailSubject": "Email subject",
    }


def test_the_answer_of_the_apis_page_is_read(server: Server, client: OmniClient) -> None:
    server.answer()

    (message,) = client.send_text(REQUEST).messages

    assert message.message_id == "efcd006b-af37-40e1-9984-09735bf45f17"
    assert message.to == To(phone_number="41793026727", email_address="email@example.com")
    assert message.status == Status(
        group_id=1, group_name="PENDING", id=7, name="PENDING_ENROUTE", description="Message sent to next instance"
    )


def test_a_text_can_go_out_and_come_back_in_xml(server: Server, client: OmniClient) -> None:
    server.answer(XML_ANSWER, headers={"Content-Type": "application/xml"})

    answer = client.send_text(REQUEST, fmt="xml")

    (sent,) = server.received
    assert sent.headers["content-type"].startswith("application/xml")
    assert sent.headers["accept"] == "application/xml"
    assert sent.body == (
        b'<?xml version="1.0" encoding="UTF-8"?><request><destinations>'
        b"<destination><messageId>MESSAGE-ID-123-xyz</messageId>"
        b"<to><phoneNumber>41793026727</phoneNumber><emailAddress>a@example.com</emailAddress></to></destination>"
        b"<destination><to><phoneNumber>41793026731</phoneNumber></to></destination></destinations>"
        b"<bulkId>Bulk-ID-12xyz</bulkId><scenarioKey>AD9E01A5DC7BEE2C2B828D208182A611</scenarioKey>"
        b"<text>Failover text</text><mailSubject>Email subject</mailSubject></request>"
    )
    assert answer.bulk_id == "Bulk-ID-12xyz"
    assert answer.messages[0].status.group_id == 0
    assert answer.messages[0].status.name == "MESSAGE_ACCEPTED"


def test_the_format_of_an_answer_is_its_own_not_the_one_asked_for(server: Server, client: OmniClient) -> None:
    server.answer(XML_ANSWER, headers={"Content-Type": "text/xml; charset=utf-8"})

    assert client.send_text(REQUEST).bulk_id == "Bulk-ID-12xyz"


def test_an_advanced_request_gives_each_channel_its_content(server: Server, client: OmniClient) -> None:
    server.answer()
    request = AdvancedRequest(
        destinations=REQUEST.destinations,
        sms=Sms(text="short", validity_period=5),
        viber=Viber(text="rich", image_url="https://example.com/i.png", is_promotional=False),
        send_at=datetime(2031, 5, 24, 10, 45, 38, tzinfo=UTC),
        rcs={"text": "a channel of tomorrow"},
    )

    client.send_advanced(request)

    (sent,) = server.received
    assert sent.target == "/omni/1/advanced"
    body = json.loads(sent.body)
    assert body["sms"] == {"text": "short", "validityPeriod": 5}
    assert body["viber"] == {"text": "rich", "imageURL": "https://example.com/i.png", "isPromotional": False}
    assert body["sendAt"] == "2031-05-24T10:45:38.000+0000"
    assert body["rcs"] == {"text": "a channel of tomorrow"}


def test_scenarios_are_listed_read_created_and_updated(server: Server, client: OmniClient) -> None:
    server.answer({"scenarios": [SCENARIO]})
    server.answer(SCENARIO)
    server.answer(SCENARIO, status=201)
    server.answer(SCENARIO)
    new = Scenario(name="n", flow=(Step(from_="x", channel="SMS"),), default=True)

    listed = client.list_scenarios(is_default=True, limit=10, page=0)
    read = client.get_scenario("AD9E")
    created = client.create_scenario(new)
    client.update_scenario("AD9E", new)

    assert [(sent.method, sent.target) for sent in server.received] == [
        ("GET", "/omni/1/scenarios?isDefault=true&limit=10&page=0"),
        ("GET", "/omni/1/scenarios/AD9E"),
        ("POST", "/omni/1/scenarios"),
        ("PUT", "/omni/1/scenarios/AD9E"),
    ]
    assert listed.scenarios == (read,)
    assert read == created
    assert read.default is True
    assert read.flow[0].channel == "NEWCHANNEL"
    assert json.loads(server.received[2].body) == {
        "name": "n",
        "flow": [{"from": "x", "channel": "SMS"}],
        "default": True,
        "defaultScenario": True,
    }


def test_reports_are_asked_for_and_read(server: Server, client: OmniClient) -> None:
    report = {
        "bulkId": "b",
        "messageId": "m",
        "to": "41793026727",
        "sentAt": "2026-01-02T03:04:05.678+0000",
        "doneAt": "2026-01-02T03:04:06.000+0000",
        "messageCount": 1,
        "mccMnc": "22801",
        "price": {"pricePerMessage": 0.01, "currency": "EUR"},
        "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"},
        "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "permanent": False},
        "channel": "SMS",
        "callbackData": "c",
    }
    server.answer({"results": [report]})

    (result,) = client.reports(bulk_id="b", channel="SMS", limit=1000).results

    assert server.received[0].target == "/omni/1/reports?bulkId=b&channel=SMS&limit=1000"
    assert result.sent_at == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert result.error is not None
    assert result.error.permanent is False
    assert result.wire() == report


def test_logs_take_every_filter(server: Server, client: OmniClient) -> None:
    server.answer({"results": []})

    client.logs(
        from_="me",
        to="41793026727",
        bulk_id=("b1", "b2"),
        general_status="DELIVERED",
        sent_since=datetime(2026, 1, 2, tzinfo=UTC),
        limit=5,
    )

    assert server.received[0].target == (
        "/omni/1/logs?from=me&to=41793026727&bulkId=b1&bulkId=b2&generalStatus=DELIVERED"
        "&sentSince=2026-01-02T00%3A00%3A00.000%2B0000&limit=5"
    )


@pytest.mark.parametrize("key", ["", "..", "a/b", "a?b", "ä", "x" * 65])
def test_a_key_can_not_lead_to_another_resource(server: Server, client: OmniClient, key: str) -> None:
    with pytest.raises(InvalidRequest):
        client.get_scenario(key)

    assert server.received == []


def test_a_character_that_xml_lacks_is_named_and_nothing_is_sent(server: Server, client: OmniClient) -> None:
    request = REQUEST.model_copy(update={"text": "ring \x07 bell"})

    with pytest.raises(InvalidRequest) as raised:
        client.send_text(request, fmt="xml")

    assert (raised.value.field, raised.value.may_have_arrived) == ("request/text", False)
    assert "U+0007 at 5" in str(raised.value)
    assert "bell" not in str(raised.value)
    assert server.received == []


def test_a_value_that_json_lacks_is_refused_without_quoting_it(server: Server, client: OmniClient) -> None:
    request = AdvancedRequest(destinations=(), rcs={"text": "secret \ud800"})

    with pytest.raises(InvalidRequest) as raised:
        client.send_advanced(request)

    assert "secret" not in repr(raised.value)
    assert raised.value.__context__ is None
    assert server.received == []
