"""Each message is followed to its end, which is told once: pushed, pulled, both, twice, or after a crash."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import requests

from relay.model.records import State
from tests.support.proxies import ProxiedStack, Reachability
from tests.support.relay_stack import FAILING, FAILING_OVER, PHONE, REPORTING, SECOND, SILENT, WITHIN, Relay, Sent

Wait = Callable[..., Any]


@pytest.fixture
def relay(followed_stack: ProxiedStack, eventually: Wait) -> Iterator[Relay]:
    """Gives a clean relay whose reports are pushed. The schedule's own pull comes once a minute."""
    relay = Relay(followed_stack)
    relay.clean()
    relay.push_reports(url(relay))
    eventually(lambda: relay.post(relay.event()).outcome == "sent")
    eventually(relay.ends)
    relay.clean()
    yield relay
    relay.reachable()
    relay.omni_recovers()


def url(relay: Relay) -> str:
    return f"{relay.stack.relay_url}/reports/{relay.stack.report_token}"


def sent(relay: Relay, *phones: str, source: str = "direct") -> Sent:
    event = relay.event(*phones, source=source)
    assert relay.post(event).status in {200, 202}
    return event


@pytest.mark.parametrize("content_type", ["application/json", "application/xml"])
def test_a_pushed_report_says_which_channel_carried_the_message_and_after_how_long(
    relay: Relay, eventually: Wait, content_type: str
) -> None:
    relay.push_reports(url(relay), content_type)
    event = sent(relay, FAILING_OVER)
    (line,) = eventually(relay.ends)

    (message,) = relay.messages(event)
    assert (line["message_id"], line["event_id"]) == (message["messageId"], event.id)
    assert (line["source"], line["route"], line["scenario"]) == ("direct", "all", "incident")
    assert (line["state"], line["channel"], line["status"]["groupName"]) == ("delivered", "SMS", "DELIVERED")
    assert 0.3 < line["seconds"] < 10
    assert line["to"] == {"phone": "4179*****02"}
    (published,) = relay.published()
    assert (published["detail-type"], published["detail"]["id"]) == ("message.delivered", message["messageId"])
    assert relay.records()[message["messageId"]].told


def test_a_pull_says_the_same_and_fetches_the_error(reliability_stack: ProxiedStack, eventually: Wait) -> None:
    relay = Relay(reliability_stack)  # by the template's default, nothing is pushed
    relay.clean()
    delivered, failing = sent(relay), sent(relay, FAILING)
    eventually(lambda: all(message["report"] for message in relay.messages()))
    relay.pull()

    lines = {line["event_id"]: line for line in relay.ends()}
    assert (lines[delivered.id]["state"], lines[delivered.id]["channel"]) == ("delivered", "VIBER")
    assert lines[delivered.id]["seconds"] < 10
    assert (lines[failing.id]["state"], lines[failing.id]["error"]["name"]) == ("undelivered", "EC_ABSENT_SUBSCRIBER")
    assert "seconds" not in lines[failing.id]


def test_pushed_and_pulled_and_each_twice_is_one_end_counted_once(relay: Relay, eventually: Wait) -> None:
    sent(relay, PHONE, FAILING)
    eventually(lambda: len(relay.ends()) == 2 and all(record.told for record in relay.records().values()))
    for report in [message["report"] for message in relay.messages()]:
        assert requests.post(url(relay), json={"results": [report, report]}, timeout=20).status_code == 200
    for _ in range(2):
        relay.pull()

    metrics = relay.metrics(*REPORTING)
    assert len(relay.ends()) == 2
    assert (metrics["MessagesDelivered"], metrics["MessagesUndelivered"], metrics["Reports"]) == (1, 1, 2)
    assert metrics["ReportsRepeated"] == 4
    assert len(relay.published()) == 2


def test_copies_of_a_report_that_come_at_once_end_a_message_once(relay: Relay, eventually: Wait) -> None:
    """Both may tell of the end, because neither knows whether the other will. The bus's events have the same id."""
    relay.reports_fail(doubled=1)
    event = sent(relay, FAILING, source="watched")
    eventually(lambda: len(relay.messages(event)[0]["pushes"]) == 2)
    eventually(lambda: relay.waiting() == 0, 30)

    (message,) = relay.messages(event)
    ends = [told["detail"]["id"] for told in relay.published() if told["detail-type"] == "message.undelivered"]
    assert set(ends) == {message["messageId"]}
    assert len(to_second(relay, event)) == 1


def test_a_lost_report_is_healed_by_the_pull(relay: Relay, eventually: Wait) -> None:
    relay.reports_fail(lost=1)
    sent(relay)
    eventually(lambda: relay.messages()[0]["pushes"])
    assert relay.ends() == []
    relay.pull()
    (line,) = relay.ends()
    assert line["state"] == "delivered"


def test_a_report_that_can_not_be_recorded_is_answered_so_that_omni_pushes_it_again(
    relay: Relay, eventually: Wait
) -> None:
    event = sent(relay)
    eventually(relay.ends)
    (message,) = relay.messages(event)
    relay.unreachable("dynamodb", how=Reachability.REFUSE)
    refused = requests.post(url(relay), json={"results": [message["report"]]}, timeout=20)
    relay.reachable()
    again = requests.post(url(relay), json={"results": [message["report"]]}, timeout=20)
    assert (refused.status_code, again.status_code) == (503, 200)
    assert len(relay.ends()) == 1


def test_killed_between_hearing_and_recording_the_pull_ends_the_message(relay: Relay, eventually: Wait) -> None:
    relay.reports_fail(late=1, delayMs=1000)
    sent(relay)
    eventually(lambda: relay.messages()[0]["report"])
    relay.unreachable("dynamodb", how=Reachability.HANG)
    while not relay.messages()[0]["pushes"]:  # OMNI notes a push when it has seen it fail
        kill_some(relay)
    relay.reachable()
    assert relay.ends() == []
    relay.pull()
    (line,) = relay.ends()
    assert line["state"] == "delivered"


def kill_some(relay: Relay) -> None:
    for pid in relay.stack.pids("ReportFunction"):
        with suppress(ProcessLookupError):  # a new process may already have taken its place
            relay.stack.kill(pid)
    time.sleep(0.1)


class TestUnlessDelivered:
    @pytest.mark.parametrize("source", ["watched", pytest.param("watched-queued", marks=pytest.mark.slow)])
    def test_a_number_whose_channels_all_fail_leads_to_the_second_person_at_once(
        self, relay: Relay, eventually: Wait, source: str
    ) -> None:
        event = sent(relay, FAILING, source=source)
        second = eventually(lambda: to_second(relay, event), WITHIN - 1)
        assert [message["text"] for message in second] == [f"{event.text}, not delivered"]
        eventually(lambda: relay.waiting() == 0, 30)
        assert len(to_second(relay, event)) == 1
        assert [told["detail-type"] for told in relay.published() if told["detail-type"] == "escalated"] == [
            "escalated"
        ]

    def test_a_silent_number_leads_there_after_the_time_and_a_delivered_one_never(
        self, relay: Relay, eventually: Wait
    ) -> None:
        silent, delivered = sent(relay, SILENT, source="watched"), sent(relay, source="watched")
        eventually(lambda: len(relay.ends()) == 1)
        assert to_second(relay, silent) == []
        eventually(lambda: relay.waiting() == 0, WITHIN + 20)
        assert len(to_second(relay, silent)) == 1
        assert to_second(relay, delivered) == []

    @pytest.mark.slow  # waits until the watch is due
    def test_a_lost_report_of_a_delivered_message_leads_nowhere(self, relay: Relay, eventually: Wait) -> None:
        relay.reports_fail(lost=1)
        event = sent(relay, source="watched")
        eventually(lambda: relay.waiting() == 0, WITHIN + 20)
        assert to_second(relay, event) == []


def to_second(relay: Relay, event: Sent) -> list[dict[str, Any]]:
    return [
        message
        for message in relay.messages()
        if message["to"] == {"phoneNumber": SECOND} and message["text"].startswith(event.text)
    ]


def test_the_tokens_are_in_no_log_metric_or_trace(relay: Relay, eventually: Wait) -> None:
    sent(relay)
    eventually(relay.ends)
    wrong = "wrong-token-of-a-stranger"
    answer = requests.post(f"{relay.stack.relay_url}/reports/{wrong}", data=b"\x00{", timeout=20)
    assert answer.status_code == 401
    eventually(lambda: relay.metrics("ReportFunction").get("ReportsAnswered401"))
    files = [path for path in relay.stack.settings.logs.rglob("*") if path.is_file()]
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert relay.stack.report_token not in text, path
        assert wrong not in text, path
    assert relay.stack.report_token not in answer.text


def test_what_omni_never_reports_ends_as_unreported_after_two_days(relay: Relay, eventually: Wait) -> None:
    event = sent(relay, SILENT)
    relay.pull()
    assert relay.ends() == []

    age(relay, timedelta(hours=49))
    relay.pull()
    relay.pull()
    (line,) = relay.ends()
    assert (line["event_id"], line["state"]) == (event.id, "unreported")
    assert relay.metrics(*REPORTING)["MessagesUnreported"] == 1
    assert [told["detail-type"] for told in relay.published()] == ["message.unreported"]


def age(relay: Relay, by: timedelta) -> None:
    """Makes the only record so much older."""
    (record,) = relay.records().values()
    at = record.at - by
    relay.stack.client("dynamodb").update_item(
        TableName=relay.stack.template.tables["RecordsTable"].name,
        Key={"message_id": {"S": record.message_id}},
        UpdateExpression="SET #at = :at",
        ExpressionAttributeNames={"#at": "at"},
        ExpressionAttributeValues={":at": {"S": at.isoformat(timespec="microseconds")}},
    )


def test_a_record_knows_its_recipient_by_a_keyed_hash(relay: Relay, eventually: Wait) -> None:
    event = sent(relay)
    eventually(relay.ends)
    (record,) = relay.records().values()
    assert (record.event_id, record.state, record.to) == (event.id, State.DELIVERED, {"phone": "4179*****27"})
    assert re.fullmatch(r"[\w+/=-]{20,}", record.phone_hash or "")
