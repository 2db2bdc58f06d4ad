"""Smaller rules of the API: ids, addresses, bodies, scenarios, throttles, reports, logs."""

import time
from typing import Any

import pytest

from omni.contents import CONTENT_FIELDS
from sandbox.omni_api.channels import CHANNELS, Channel
from sandbox.omni_api.errors import ApiError
from sandbox.omni_api.logs import logs
from sandbox.omni_api.report_push import MAX_RETRIES, is_loopback, push_retry_delay
from sandbox.omni_api.wire import Format

PHONE = {"phoneNumber": "41793026727"}
SMS = {"sms": {"text": "a"}}


def statuses(answer: Any) -> list[int]:
    return [message["status"]["id"] for message in answer.payload["messages"]]


def send(bench: Any, *destinations: Any, **others: Any) -> Any:
    return bench.state.sends.text(bench.call({"destinations": list(destinations), "text": "Hello", **others}))


def test_the_sandbox_knows_the_channels_that_the_client_knows() -> None:
    assert {channel.value: facts.body for channel, facts in CHANNELS.items()} == CONTENT_FIELDS
    assert set(CHANNELS) == set(Channel)


def test_an_accepted_id_is_a_duplicate_for_ever_even_within_one_request(bench: Any) -> None:
    first = {"messageId": "one", "to": PHONE}

    assert statuses(send(bench, first, first)) == [7, 23]
    bench.pass_time(400 * 24 * 3600)
    bench.state.store.empty(forget_ids=False)
    assert statuses(send(bench, first)) == [23]
    bench.state.store.empty(forget_ids=True)
    assert statuses(send(bench, first)) == [7]


def test_an_id_outlives_the_message_when_the_store_is_full(make_bench: Any) -> None:
    bench = make_bench(max_messages=2)
    for name in ("a", "b", "c"):
        send(bench, {"messageId": name, "to": PHONE})

    assert [message.message_id for message in bench.state.store.newest_first()] == ["c", "b"]
    assert statuses(send(bench, {"messageId": "a", "to": PHONE})) == [23]


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ({"phoneNumber": "+41793026727"}, 52),
        ({"phoneNumber": "079 302 67 27"}, 52),
        ({"phoneNumber": "\u0664\u0661\u0667\u0669\u0663\u0660"}, 52),
        ({"phoneNumber": "1234"}, 52),
        ({"phoneNumber": "0793026727"}, 8),
        ({"phoneNumber": ""}, 51),
        ({}, 51),
        (None, 51),
        ({"phoneNumber": 41793026727}, 7),
        ({"emailAddress": "ops@example.com"}, 7),
    ],
)
def test_an_address_is_judged_per_message(bench: Any, to: Any, status: int) -> None:
    assert statuses(send(bench, {"to": to}, {"to": PHONE})) == [status, 7]


def test_a_bulk_id_is_answered_only_for_more_than_one_destination(bench: Any) -> None:
    assert "bulkId" not in send(bench, {"to": PHONE}, bulkId="mine").payload
    assert send(bench, {"to": PHONE}, {"to": PHONE}, bulkId="mine").payload["bulkId"] == "mine"
    assert len(send(bench, {"to": PHONE}, {"to": PHONE}).payload["bulkId"]) == 36


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"text": "a"}, "destinations"),
        ({"destinations": [], "text": "a"}, "destinations"),
        ({"destinations": {}, "text": "a"}, "destinations"),
        ({"destinations": [None], "text": "a"}, "destinations.0"),
        ({"destinations": [{"to": "41793026727"}], "text": "a"}, "destinations.0.to"),
        ({"destinations": [{"to": PHONE}]}, "text"),
        ({"destinations": [{"to": PHONE}], "text": " \n"}, "text"),
        ({"destinations": [{"to": PHONE}], "text": "a", "scenarioKey": "unknown"}, "scenarioKey"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
    ],
)
def test_a_text_request_that_makes_no_sense_is_refused_by_name(bench: Any, body: Any, named: str) -> None:
    with pytest.raises(ApiError) as refused:
        bench.state.sends.text(bench.call(body))

    assert refused.value.status == 400
    assert refused.value.text.startswith(named)
    assert len(bench.state.store) == 0


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ({}, "channels"),
        ({"sms": {"text": "a", "validityPeriod": 30, "validityPeriodTimeUnit": "SECONDS"}}, "channels"),
        ({"viber": {"text": "a", "validityPeriod": 35, "validityPeriodTimeUnit": "SECONDS"}}, "channels"),
        ({"sms": {"text": "a", "validityPeriod": 2881}}, "channels"),
        ({"sms": {"text": "a", "validityPeriod": 1, "validityPeriodTimeUnit": "WEEKS"}}, "channels.sms"),
        ({**SMS, "callbackData": "x" * 4001}, "callbackData"),
        ({**SMS, "notifyUrl": "ftp://example.com"}, "notifyUrl"),
        ({**SMS, "notifyContentType": "text/plain"}, "notifyContentType"),
        ({**SMS, "sendAt": "tomorrow"}, "sendAt"),
        ({**SMS, "sendAt": 5}, "sendAt"),
        ({**SMS, "sendAt": "0001-01-01T00:00:00+2300"}, "sendAt"),
        ({**SMS, "sendAt": "2031-11-20T10:00:00.000+0000"}, "sendAt"),
    ],
)
def test_an_advanced_request_that_makes_no_sense_is_refused_by_name(bench: Any, others: Any, named: str) -> None:
    with pytest.raises(ApiError) as refused:
        bench.advanced(PHONE, **others)

    assert refused.value.status == 400
    assert refused.value.text.startswith(named)


@pytest.mark.parametrize(
    "sms",
    [
        {"validityPeriod": 31, "validityPeriodTimeUnit": "SECONDS"},
        {"validityPeriod": 48, "validityPeriodTimeUnit": "HOURS"},
        {"validityPeriod": 2880},
    ],
)
def test_the_published_bounds_of_a_validity_period_are_taken(bench: Any, sms: Any) -> None:
    assert statuses(bench.advanced(PHONE, sms={"text": "a", **sms})) == [7]


def test_a_time_without_an_offset_is_utc(bench: Any) -> None:
    bench.advanced(PHONE, **SMS, sendAt="2031-05-24T10:00:30")
    bench.pass_time(31)

    assert bench.only().report["sentAt"] == "2031-05-24T10:00:30.000+0000"


def test_an_xml_answer_says_accepted_where_a_json_answer_says_pending(bench: Any) -> None:
    body = {"destinations": [{"to": PHONE}], "text": "Hello"}

    assert statuses(bench.state.sends.text(bench.call(body, Format.XML))) == [0]
    assert bench.only().status.name == "PENDING_ENROUTE"


def test_a_report_is_given_once_and_only_if_the_filters_want_it(bench: Any) -> None:
    send(bench, {"messageId": "a", "to": PHONE}, {"messageId": "b", "to": PHONE}, bulkId="bulk")
    send(bench, {"messageId": "c", "to": {"emailAddress": "ops@example.com"}})
    bench.pass_time(1)

    def pull(query: str) -> list[str]:
        answer = bench.state.reports.pull(bench.call(query=query))
        return [report["messageId"] for report in answer.payload["results"]]

    assert pull("bulkId=other") == []
    assert pull("bulkId=bulk&limit=1") == ["a"]
    assert pull("channel=EMAIL") == ["c"]
    assert pull("") == ["b"]
    assert pull("") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=\u0665", "limit="])
def test_a_limit_out_of_bounds_is_refused(bench: Any, query: str) -> None:
    with pytest.raises(ApiError, match="limit"):
        bench.state.reports.pull(bench.call(query=query))


def test_report_times_are_always_there_with_milliseconds(bench: Any) -> None:
    bench.send({"phoneNumber": "41790003002"})
    bench.pass_time(1)
    (report,) = bench.state.reports.pull(bench.call()).payload["results"]

    assert report["sentAt"] == "2031-05-24T10:00:00.300+0000"
    assert report["doneAt"] == "2031-05-24T10:00:00.600+0000"
    assert report["to"] == "41790003002"
    assert report["error"]["name"] == "NO_ERROR"


def test_throttled_changes_of_scenarios_say_when_to_come_back(bench: Any) -> None:
    scenario = {"name": "mine", "flow": [{"from": "me", "channel": "SMS"}]}
    create = bench.state.scenarios.create
    keys = [create(bench.call(scenario)).payload["key"] for _ in range(20)]
    bench.elapsed = 100

    with pytest.raises(ApiError) as refused:
        create(bench.call(scenario))
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "500"})

    for _ in range(40):
        bench.state.scenarios.update(bench.call(scenario, key=keys[0]))
    with pytest.raises(ApiError) as refused:
        bench.state.scenarios.update(bench.call(scenario, key=keys[0]))
    assert refused.value.status == 429

    bench.elapsed = 600
    assert create(bench.call(scenario)).status == 201


def test_a_new_default_scenario_demotes_the_old_one(bench: Any) -> None:
    scenario = {"name": "mine", "flow": [{"from": "me", "channel": "SMS"}], "defaultScenario": True}
    made = bench.state.scenarios.create(bench.call(scenario)).payload

    listed = bench.state.scenarios.list(bench.call(query="isDefault=true")).payload["scenarios"]
    assert listed == [made]
    assert made["default"] is made["defaultScenario"] is True
    assert len(made["key"]) == 32
    assert made["key"] == made["key"].upper()
    bench.send(PHONE)
    assert bench.walk() == [("SMS", "PENDING")]


def test_the_logs_hold_48_hours_and_no_error(bench: Any) -> None:
    send(bench, {"messageId": "old", "to": PHONE})
    bench.pass_time(10)
    send(bench, {"messageId": "new", "to": {"phoneNumber": "41790002000"}})
    bench.pass_time(48 * 3600 - 5)

    def read(query: str = "") -> list[str]:
        answer = bench.call(query=query)
        return [line["messageId"] for line in _logs(bench, answer)]

    assert read() == ["new"]
    assert read() == ["new"], "logs can be read again and again"
    assert "error" not in _logs(bench, bench.call())[0]
    assert read("generalStatus=DELIVERED") == []
    assert read("generalStatus=UNDELIVERABLE&to=41790002000&channel=SMS&from=sandbox") == ["new"]
    assert read("sentSince=2031-05-24T10:00:11.000+0000") == []
    assert read("sentUntil=2031-05-24T10:00:11.000%2B0000&messageId=new&messageId=x") == ["new"]


def _logs(bench: Any, call: Any) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = logs(bench.state.store, bench.state.clock.now, call).payload["results"]
    return lines


def test_the_logs_of_a_thousand_messages_are_found_at_once_among_fifty_thousand(bench: Any) -> None:
    for bulk in range(50):
        phones = [{"messageId": f"{bulk}-m{number}", "to": PHONE} for number in range(1000)]
        bench.state.sends.text(bench.call({"destinations": phones, "text": "Hello", "bulkId": f"bulk{bulk}"}))

    started = time.process_time()
    by_bulk = _logs(bench, bench.call(query="bulkId=bulk7&limit=1000"))
    by_id = _logs(bench, bench.call(query="&".join(f"messageId={bulk}-m7" for bulk in range(50))))
    seconds = time.process_time() - started

    assert {line["bulkId"] for line in by_bulk} == {"bulk7"}
    assert (len(by_bulk), len(by_id)) == (1000, 50)
    assert _logs(bench, bench.call(query="bulkId=bulk7&messageId=8-m7")) == []
    assert seconds < 0.2, "a scan of all messages takes longer"


def test_pushes_are_retried_after_a_minute_and_a_minute_times_n_squared() -> None:
    assert [push_retry_delay(retry) for retry in (1, 2, 3, 4)] == [120, 300, 600, 1020]
    assert sum(push_retry_delay(retry) for retry in range(1, MAX_RETRIES + 1)) <= 48 * 3600


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:9000/reports", True),
        ("http://localhost/reports", True),
        ("http://[::1]/reports", True),
        ("https://example.com/reports", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://localhost@example.com/", False),
        ("http://[broken/", False),
    ],
)
def test_only_this_machine_counts_as_loopback(url: str, local: bool) -> None:
    assert is_loopback(url) is local
