"""A pushed body is read in JSON and XML, within limits, and one wrong result spoils no other."""

import json
from typing import Any

import pytest

from omni.models import ReportsResponse
from omni.xml import to_xml
from relay import limits
from relay.follow.pushing import reports_in
from relay.problems import InvalidBody, MalformedRequest, PayloadTooLarge
from tests.support.fakes import FakeTelemetry
from tests.unit.follow.test_follow_reports import DELIVERED

RESULT = {"messageId": "m1", "bulkId": "d1", "channel": "SMS", "status": DELIVERED}


def body(*results: Any) -> bytes:
    return json.dumps({"results": results}).encode()


@pytest.mark.parametrize("write", [body, lambda r: to_xml(ReportsResponse.from_wire({"results": [r]}))])
def test_json_and_xml_say_the_same(write: Any) -> None:
    [heard] = reports_in(write(RESULT), FakeTelemetry())

    assert (heard.message_id, heard.state) == ("m1", "delivered")
    assert heard.report
    assert (heard.report.channel, heard.report.status) == ("SMS", DELIVERED)


@pytest.mark.parametrize(
    "wrong", [None, "text", {"status": DELIVERED}, {"messageId": "m2"}, {"messageId": "m2", "status": 7}]
)
def test_a_wrong_result_is_named_and_spoils_no_other(wrong: Any) -> None:
    telemetry = FakeTelemetry()

    heard = reports_in(body(wrong, RESULT), telemetry)

    assert [one.message_id for one in heard] == ["m1"]
    assert [line[1] for line in telemetry.lines] == ["report_malformed"]
    assert telemetry.counts == {"ReportsMalformed": 1}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", MalformedRequest),
        (b"{", MalformedRequest),
        (b"<a", MalformedRequest),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", MalformedRequest),
        (b"\xff\xfe", MalformedRequest),
        (b"[" * 100_000, MalformedRequest),
        (b"[]", InvalidBody),
        (b"7", InvalidBody),
        (b'{"results": {}}', InvalidBody),
        (b"<r>text</r>", InvalidBody),
        (b" " * (limits.REPORTS_BYTES + 1), PayloadTooLarge),
        (body(*[RESULT] * (limits.REPORTS + 1)), PayloadTooLarge),
    ],
)
def test_any_other_body_is_refused(content: bytes, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        reports_in(content, FakeTelemetry())


def test_as_many_results_as_omni_pushes_are_taken() -> None:
    assert len(reports_in(body(*[RESULT] * limits.REPORTS), FakeTelemetry())) == limits.REPORTS


@pytest.mark.parametrize("write", [body, lambda r: to_xml(ReportsResponse.from_wire({"results": [r]}))])
def test_a_byte_order_mark_is_no_mistake(write: Any) -> None:
    assert len(reports_in(b"\xef\xbb\xbf" + write(RESULT), FakeTelemetry())) == 1


def test_long_texts_are_cut() -> None:
    long = "x" * 400_000
    status = DELIVERED | {"name": long, "groupName": long}
    error = {"name": long, "groupName": long, "groupId": 1, "id": 1}
    [heard] = reports_in(body({**RESULT, "channel": long, "status": status, "error": error}), FakeTelemetry())

    assert heard.report
    assert len(heard.report.model_dump_json()) < 10 * limits.REPORT_CHARS
