"""Models are written as XML and read from it; hostile or broken documents are refused."""

import pytest

from omni.errors import InvalidRequest
from omni.models import (
    AdvancedRequest,
    Destination,
    LogsResponse,
    OmniResponse,
    ReportsResponse,
    Scenario,
    ScenariosResponse,
    Status,
    Step,
    TextRequest,
    To,
)
from omni.xml import MalformedXml, from_xml, read_document, to_xml, write_document

BOMB = (
    b'<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><request><text>&c;</text></request>'
)


def test_scenarios_reports_and_logs_have_their_roots() -> None:
    scenario = Scenario(key="K", name="n", flow=(Step(from_="f", channel="SMS"),), default=True)

    assert to_xml(ScenariosResponse(scenarios=(scenario,))).endswith(
        b"<scenariosResponse><scenarios><scenario><key>K</key><name>n</name>"
        b"<flow><step><from>f</from><channel>SMS</channel></step></flow>"
        b"<default>true</default><defaultScenario>true</defaultScenario></scenario></scenarios></scenariosResponse>"
    )
    assert to_xml(scenario).endswith(b"</scenario>")
    assert to_xml(ReportsResponse(results=())).endswith(
        b"<omniReportsResponse><results></results></omniReportsResponse>"
    )
    assert to_xml(LogsResponse(results=())).endswith(b"<omniLogsResponse><results></results></omniLogsResponse>")


def test_empty_elements_are_absent_values() -> None:
    content = b"""<omniResponse><bulkId/><messages><message><to>
      </to><status><groupId/><id> 7 </id><name/></status><messageId>m</messageId></message></messages></omniResponse>"""

    answer = from_xml(OmniResponse, content)

    assert answer.messages[0].to == To()
    assert answer.messages[0].status == Status(group_id=None, id=7, name="")


def test_an_element_of_a_list_may_have_any_name() -> None:
    answer = from_xml(OmniResponse, b"<r><messages><m><status/></m><n><status/></n></messages></r>")

    assert len(answer.messages) == 2


def test_white_space_and_markup_in_a_text_arrive_unchanged() -> None:
    text = " <b>&amp;\r\n\t\"x\" ]]> 'y' \U0001f4a9 "
    request = TextRequest(destinations=(), text=text)

    assert from_xml(TextRequest, to_xml(request)).text == text


def test_unknown_fields_survive_as_text() -> None:
    content = b"<request><destinations/><text>t</text><tag>a</tag><tag>b</tag><x><y>1</y></x></request>"

    request = from_xml(TextRequest, content)

    assert request.wire() == {"destinations": [], "text": "t", "tag": ["a", "b"], "x": {"y": "1"}}
    assert from_xml(TextRequest, to_xml(request)) == request


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no element"),
        (b"plain", "line 1"),
        (b"<a><b></a>", "mismatched tag"),
        (b"<a/><b/>", "line 1"),
        (b"<a>text<b/></a>", "text beside"),
        (b"<a>&undefined;</a>", "undefined entity"),
        (b"<a>\x00</a>", "line 1"),
        (b"<a>\xff</a>", "line 1"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "encoding"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "encoding"),
        (b"<a>" * 65 + b"</a>" * 65, "deeper"),
        (BOMB, "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><a/>', "document type"),
        (b"<!DOCTYPE a><a/>", "document type"),
    ],
)
def test_what_is_dangerous_or_broken_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(MalformedXml, match=reason):
        read_document(content)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"text": "a\x00"}, "request/text"),
        ({"text": "\x0b"}, "request/text"),
        ({"text": "\ud800"}, "request/text"),
        ({"text": "\uffff"}, "request/text"),
        ({"destinations": [{"messageId": "\x01"}]}, "request/destinations/0/messageId"),
        ({"a b": "x"}, "request/a b"),
        ({"<script>": "x"}, "request/<script>"),
        ({"x": [[1]]}, "request/x/0"),
    ],
)
def test_what_xml_can_not_hold_is_named(value: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        write_document("request", value)

    assert raised.value.field == field
    assert not raised.value.may_have_arrived


def test_a_value_that_is_nested_too_deep_is_refused() -> None:
    value: dict[str, object] = {}
    for _ in range(100):
        value = {"x": value}

    with pytest.raises(InvalidRequest, match="nested deeper"):
        write_document("request", value)


def test_an_advanced_request_is_written_too() -> None:
    request = AdvancedRequest(
        destinations=(Destination(to=To(phone_number="1")),), notify=True, whatsApp={"templateData": ["a", "b"]}
    )

    assert from_xml(AdvancedRequest, to_xml(request)) == request
