"""The models use the API's names, keep unknown fields, and omit absent ones."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from omni.contents import CONTENT_FIELDS, WhatsApp
from omni.models import (
    AdvancedRequest,
    Destination,
    OmniResponse,
    Report,
    Scenario,
    Status,
    Step,
    TextRequest,
    To,
)


def test_a_model_can_not_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Status(id=7).id = 8  # type: ignore[misc]  # that is the point


def test_absent_fields_are_not_on_the_wire() -> None:
    request = TextRequest(destinations=(Destination(to=To(phone_number="41793026727")),), bulk_id=None, text="")

    assert request.wire() == {"destinations": [{"to": {"phoneNumber": "41793026727"}}], "text": ""}


@pytest.mark.parametrize(
    "body",
    [
        {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE", "description": "d", "action": "a"},
        {"groupId": 9, "groupName": "SEEN", "id": 4711, "name": "SEEN_BY_TWO", "description": "new"},
        {"name": "PENDING_ACCEPTED", "id": 200},
        {"groupId": 1, "id": 7, "name": "x", "unknown": None, "nested": {"a": [1, {"b": None}]}},
        {"groupId": 1, "group_id": 3, "id": 7, "name": "a field that is called like ours"},
        {"group_id": 3},
        {},
    ],
)
def test_a_status_survives_a_round_trip_known_or_not(body: dict[str, Any]) -> None:
    assert Status.from_wire(body).wire() == body


def test_a_stored_model_is_read_again_by_pythons_names() -> None:
    status = Status(group_id=5, name="REJECTED", weird="x")

    assert Status.model_validate(status.model_dump(mode="json")) == status


@pytest.mark.parametrize("name", ["default", "defaultScenario"])
def test_a_scenarios_default_flag_is_taken_by_either_name_and_given_by_both(name: str) -> None:
    body = {"key": "K", "name": "n", "flow": [{"from": "f", "channel": "SMS"}], name: True}

    scenario = Scenario.from_wire(body)

    assert scenario == Scenario(key="K", name="n", flow=(Step(from_="f", channel="SMS"),), default=True)
    assert scenario.wire() == body | {"default": True, "defaultScenario": True}


def test_the_first_name_wins_when_a_scenario_gives_both() -> None:
    assert Scenario.from_wire({"default": False, "defaultScenario": True}).default is False


def test_every_channel_of_a_scenario_has_its_field_in_an_advanced_request() -> None:
    wire_names = {info.alias for info in AdvancedRequest.model_fields.values()}

    assert set(CONTENT_FIELDS.values()) <= wire_names


def test_a_channel_of_tomorrow_survives_a_round_trip() -> None:
    body = {"destinations": [], "rcs": {"text": "x", "card": {"n": 1}}, "whatsApp": {"templateData": ["a"], "new": 1}}

    request = AdvancedRequest.from_wire(body)

    assert request.whatsapp == WhatsApp(template_data=("a",), new=1)
    assert request.wire() == body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2031-05-24T10:45:38.000+0000", datetime(2031, 5, 24, 10, 45, 38, tzinfo=UTC)),
        ("2031-05-24T10:45:38.123+0200", datetime(2031, 5, 24, 10, 45, 38, 123000, timezone(timedelta(hours=2)))),
        ("2031-05-24T10:45:38.000", datetime(2031, 5, 24, 10, 45, 38, tzinfo=UTC)),
    ],
)
def test_times_are_the_apis_and_utc_without_an_offset(text: str, expected: datetime) -> None:
    report = Report.from_wire({"sentAt": text})

    assert report.sent_at == expected
    assert report.wire()["sentAt"] == text[:23] + (text[23:] or "+0000")


def test_a_number_where_text_is_expected_is_read() -> None:
    assert Report.from_wire({"mccMnc": 22801}).mcc_mnc == "22801"


@pytest.mark.parametrize("body", [None, [], {}, {"messages": None}, {"messages": [{}]}, {"messages": [1]}])
def test_what_is_no_answer_is_refused(body: object) -> None:
    with pytest.raises(ValidationError):
        OmniResponse.from_wire(body)


@pytest.mark.parametrize("module", ["omni.models", "omni.errors", "omni.statuses"])
def test_importing_what_the_domain_needs_loads_neither_requests_nor_xml(module: str) -> None:
    code = (
        f"import sys, {module}; print(*sorted({{'requests', 'urllib3', 'pyexpat', 'http.client'}} & set(sys.modules)))"
    )

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="src")

    assert loaded.stdout.strip() == ""
