"""An event's id is found where its sender puts it, and only a duplicate has the same one."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.verification import parse
from relay.verification.inbound import InboundRequest

TWILIO = {"preset": "twilio", "public_url": "https://relay.example.com/webhooks/twilio"}
SNS = {"preset": "sns", "topic_arns": ["arn:aws:sns:eu-central-1:123456789012:alarms"]}
HMAC = {"preset": "hmac", "header": "X-S", "id_header": "X-Id"}


def event_id(verify: Any, body: Any, headers: dict[str, str] | None = None) -> str | None:
    request = InboundRequest("POST", "/webhooks/x", "", headers or {}, b"", datetime(2026, 3, 1, tzinfo=UTC))
    return parse(verify).event_id(request, body)


PLACES: list[tuple[Any, dict[str, str], Any, str]] = [
    ("github", {"x-github-delivery": "72d3162e"}, {"id": "no"}, "72d3162e"),
    ("gitlab", {"x-gitlab-event-uuid": "13792a34"}, {}, "13792a34"),
    ("shopify", {"x-shopify-event-id": "e1", "x-shopify-webhook-id": "w1"}, {}, "e1"),
    ("shopify", {"x-shopify-webhook-id": "w1"}, {}, "w1"),
    ("shopify", {"shopify-webhook-id": "w2", "x-shopify-event-id": "e1", "x-shopify-webhook-id": "w1"}, {}, "w2"),
    ("standard-webhooks", {"webhook-id": "msg_1"}, {}, "msg_1"),
    ("svix", {"svix-id": "msg_2"}, {}, "msg_2"),
    ("stripe", {}, {"id": "evt_1"}, "evt_1"),
    ("slack", {}, {"event_id": "Ev1"}, "Ev1"),
    ("pagerduty", {}, {"event": {"id": "01D"}}, "01D"),
    (TWILIO, {}, {"MessageSid": "SM1", "MessageStatus": "sent"}, "SM1:sent"),
    (TWILIO, {}, {"CallSid": "CA1", "CallStatus": "completed"}, "CA1:completed"),
    (TWILIO, {}, {"MessageSid": "SM1"}, "SM1:"),
    (SNS, {}, {"MessageId": "m-1"}, "m-1"),
    (HMAC, {"x-id": "b-1"}, {}, "b-1"),
    ("sendgrid", {}, [{"sg_event_id": "sg-1"}], "sg-1"),
    ("microsoft-graph", {}, {"value": [{"id": "n-1"}]}, "n-1"),
    ("dropbox", {"x-amzn-trace-id": "Root=1-69071b08"}, {}, "Root=1-69071b08"),
]


@pytest.mark.parametrize(("verify", "headers", "body", "expected"), PLACES)
def test_the_id_is_where_the_sender_puts_it(verify: Any, headers: dict[str, str], body: Any, expected: str) -> None:
    assert event_id(verify, body, headers) == expected


ALL = ("github", "gitlab", "shopify", "standard-webhooks", "svix", "stripe", "slack", "pagerduty", "grafana",
       "alertmanager", "bearer", "basic", "api-key", TWILIO, SNS, HMAC)  # fmt: skip


@pytest.mark.parametrize("verify", ALL, ids=str)
@pytest.mark.parametrize(
    "body", [None, [], {}, "id", 7, {"id": None}, {"id": {}}, {"event": []}, {"groupKey": 1}], ids=str
)
def test_without_one_there_is_none(verify: Any, body: Any) -> None:
    assert event_id(verify, body) is None


def test_bearer_basic_and_api_key_leave_the_id_to_the_source() -> None:
    assert {event_id(verify, {"id": "1"}) for verify in ("bearer", "basic", "api-key")} == {None}


@pytest.mark.parametrize("strange", ["x" * 129, "a b", "é", "a\nb", "\udcff", "\x7f", "٣"])
def test_an_id_that_is_long_or_not_printable_becomes_a_digest(strange: str) -> None:
    found = event_id("stripe", {"id": strange})
    assert found
    assert found.startswith("sha256-")
    assert len(found) == len("sha256-") + 64
    assert found == event_id("github", {}, {"x-github-delivery": strange})
    assert found != event_id("stripe", {"id": strange + "x"})


def test_a_number_is_an_id_and_a_truth_value_is_none() -> None:
    assert event_id("stripe", {"id": 42}) == "42"
    assert event_id("stripe", {"id": True}) is None


def alert(fingerprint: str, *, status: str = "firing", started: str = "2026-03-01T12:00:00Z") -> dict[str, Any]:
    return {"fingerprint": fingerprint, "status": status, "startsAt": started, "labels": {"a": "b"}}


def group(*alerts: Any, key: str = "{}:{x}", status: str = "firing") -> dict[str, Any]:
    return {"groupKey": key, "status": status, "alerts": list(alerts), "receiver": "r"}


@pytest.mark.parametrize("verify", ["alertmanager", "grafana"])
class TestGroupsOfAlerts:
    def test_a_repetition_has_the_same_id_in_whatever_order(self, verify: str) -> None:
        first = event_id(verify, group(alert("a"), alert("b")))
        assert first
        assert first == event_id(verify, group(alert("b"), alert("a")) | {"externalURL": "elsewhere"})

    @pytest.mark.parametrize(
        "changed",
        [
            group(alert("a"), alert("b"), status="resolved"),
            group(alert("a"), alert("b"), key="{}:{y}"),
            group(alert("a")),
            group(alert("a"), alert("b"), alert("c")),
            group(alert("a"), alert("b", started="2026-03-02T12:00:00Z")),
            group(alert("a"), alert("b", status="resolved")),
            group(alert("b"), alert("b")),
            group(),
        ],
        ids=["resolved", "other group", "one less", "one more", "fired again", "one resolved", "other alert", "empty"],
    )
    def test_any_change_in_the_group_has_another(self, verify: str, changed: dict[str, Any]) -> None:
        assert event_id(verify, changed) != event_id(verify, group(alert("a"), alert("b")))

    def test_strange_alerts_are_no_reason_to_fail(self, verify: str) -> None:
        assert event_id(verify, group(None, 7, [], {"fingerprint": {}}))
        assert event_id(verify, {"groupKey": "k", "alerts": "none"})

    def test_no_two_lists_of_fields_look_alike(self, verify: str) -> None:
        one = group({"fingerprint": "ab", "startsAt": "c"})
        other = group({"fingerprint": "a", "startsAt": "bc"})
        assert event_id(verify, one) != event_id(verify, other)


def linear(**changed: Any) -> dict[str, Any]:
    issue = {"id": "i-1", "type": "Issue", "action": "update", "createdAt": "2026-03-01T12:00:00Z"} | changed
    return {**issue, "data": {"id": issue["id"]}, "webhookTimestamp": changed.get("sent", 1)}


def test_several_fields_name_an_event_together() -> None:
    same = event_id("linear", linear())
    assert same is not None
    assert same.startswith("sha256-")
    assert event_id("linear", linear(sent=2)) == same  # a repetition has another time of sending
    others = [
        linear(id="i-2"),
        linear(type="Comment"),
        linear(action="create"),
        linear(createdAt="2026-03-02T12:00:00Z"),
    ]
    assert len({same, *(event_id("linear", other) for other in others)}) == 5


def test_a_missing_field_beside_the_first_counts_as_empty() -> None:
    whole = {
        "data": {"envelopeId": "e-1", "recipientId": "1"},
        "event": "recipient-completed",
        "generatedDateTime": "t",
    }
    without = whole | {"data": {"envelopeId": "e-1"}}
    assert None not in (event_id("docusign", whole), event_id("docusign", without))
    assert event_id("docusign", whole) != event_id("docusign", without)
    assert event_id("docusign", whole | {"data": {}}) is None


def test_every_item_of_a_list_names_the_event() -> None:
    one, two = {"sg_event_id": "a"}, {"sg_event_id": "b"}
    assert len({event_id("sendgrid", body) for body in ([one], [two], [one, two], [two, one])}) == 4
    nameless: list[object] = [[], [one, {}], {}, [7], None]
    for body in nameless:
        assert event_id("sendgrid", body) is None
