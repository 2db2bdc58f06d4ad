"""Failover: the documented numbers, steps that don't fit, validity periods, delayed sending."""

from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from sandbox.omni_api.numbers import NUMBERS

DOCUMENT = Path(__file__).parents[3] / "docs" / "sandbox.md"
EVERYTHING = {"emailAddress": "ops@example.com"}
TWO_DAYS = 48 * 3600


@pytest.mark.parametrize("phone", NUMBERS)
def test_every_documented_number_is_a_valid_one(phone: str) -> None:
    assert phonenumbers.is_valid_number(phonenumbers.parse(f"+{phone}"))


def test_the_documentation_names_every_number() -> None:
    document = DOCUMENT.read_text()
    listed = document.partition("Ids that reject:")[2].partition("\n\n")[0]

    for outcome in NUMBERS.values():
        if outcome.rejected is None:
            assert f"| {outcome.phone} | {outcome.summary} |" in document
        else:
            assert f"{outcome.rejected.id:03}" in listed


@pytest.mark.parametrize(
    ("phone", "steps", "carried_by", "final"),
    [
        ("41793026727", ["VIBER DELIVERED"], "VIBER", 3),
        ("41790003000", ["VIBER DELIVERED"], "VIBER", 3),
        ("41790003002", ["VIBER UNDELIVERABLE", "SMS DELIVERED"], "SMS", 3),
        ("41790003003", ["VIBER UNDELIVERABLE", "SMS UNDELIVERABLE", "EMAIL DELIVERED"], "EMAIL", 3),
        ("41790003102", ["VIBER EXPIRED", "SMS DELIVERED"], "SMS", 3),
        ("41790002000", ["VIBER UNDELIVERABLE", "SMS UNDELIVERABLE", "EMAIL UNDELIVERABLE"], "EMAIL", 2),
        ("41790004000", ["VIBER EXPIRED", "SMS EXPIRED", "EMAIL EXPIRED"], "EMAIL", 4),
        ("41790004100", ["VIBER EXPIRED", "SMS EXPIRED", "EMAIL EXPIRED"], "EMAIL", 4),
    ],
)
def test_a_documented_number_forces_its_outcome(
    bench: Any, phone: str, steps: list[str], carried_by: str, final: int
) -> None:
    bench.send({"phoneNumber": phone, **EVERYTHING})
    bench.pass_time(4 * TWO_DAYS)

    assert [f"{channel} {group}" for channel, group in bench.walk()] == steps
    report = bench.only().report
    assert report["channel"] == carried_by
    assert report["status"]["groupId"] == final == bench.only().status.group_id
    assert all(step.ended_at is not None for step in bench.only().steps)


def test_the_number_that_is_never_reported_stays_pending(bench: Any) -> None:
    bench.send({"phoneNumber": "41790001000"})
    bench.pass_time(100 * TWO_DAYS)

    assert bench.walk() == [("VIBER", "PENDING")]
    assert bench.only().report is None


@pytest.mark.parametrize("status_id", [6, 8, 10, 11, 12, 13, 14, 17, 18, 19, 20, 21, 23, 24, 25, 51, 52, 87, 99, 100])
def test_a_rejecting_number_is_rejected_at_once_and_its_id_is_not_taken(bench: Any, status_id: int) -> None:
    rejecting = {"messageId": "again", "to": {"phoneNumber": f"41790005{status_id:03}"}}
    good = {"messageId": "again", "to": {"phoneNumber": "41793026727"}}
    answer = bench.state.sends.text(bench.call({"destinations": [rejecting, good], "text": "Hello"}))

    rejected, accepted = answer.payload["messages"]
    assert (rejected["status"]["groupId"], rejected["status"]["id"]) == (5, status_id)
    assert accepted["status"]["groupId"] == 1
    assert bench.only().to == good["to"]


def test_steps_without_an_address_are_skipped(bench: Any) -> None:
    bench.send({"emailAddress": "ops@example.com"})
    bench.pass_time(1)

    assert bench.walk() == [("EMAIL", "DELIVERED")]


def test_steps_without_a_body_are_skipped_and_failing_counts_from_the_first_that_is_tried(bench: Any) -> None:
    to = {"phoneNumber": "41790003002", **EVERYTHING}
    bench.advanced(to, sms={"text": "short"}, email={"text": "long", "subject": "S"})
    bench.pass_time(1)

    assert bench.walk() == [("SMS", "UNDELIVERABLE"), ("EMAIL", "DELIVERED")]
    assert (bench.only().text, bench.only().subject) == ("short", "S")


def test_a_message_that_no_step_fits_ends_undeliverable(bench: Any) -> None:
    bench.advanced({"phoneNumber": "41793026727"}, email={"text": "nobody to send it to"})
    bench.pass_time(1)

    assert bench.walk() == []
    assert bench.only().report["status"]["name"] == "UNDELIVERABLE_NOT_SENT"


def test_an_address_that_is_no_email_fails_its_step(bench: Any) -> None:
    bench.send({"emailAddress": "not an address"})
    bench.pass_time(1)

    assert bench.only().status.name == "REJECTED_VALIDATION_FAILED"


def test_a_silent_step_gives_way_exactly_when_its_validity_period_has_run_out(bench: Any) -> None:
    viber = {"text": "a", "validityPeriod": 40, "validityPeriodTimeUnit": "SECONDS"}
    bench.advanced({"phoneNumber": "41790003102"}, viber=viber, sms={"text": "b"})

    bench.pass_time(39.9)
    assert bench.walk() == [("VIBER", "PENDING")]
    bench.pass_time(0.2)
    assert bench.walk() == [("VIBER", "EXPIRED"), ("SMS", "PENDING")]


def test_a_delayed_message_starts_at_its_time(bench: Any) -> None:
    bench.advanced({"phoneNumber": "41793026727"}, sms={"text": "a"}, sendAt="2031-05-24T10:01:00.000+0000")

    bench.pass_time(59)
    assert bench.walk() == []
    bench.pass_time(2)
    assert bench.walk() == [("SMS", "DELIVERED")]
    assert bench.only().report["sentAt"] == "2031-05-24T10:01:00.000+0000"


def test_a_change_of_pace_leaves_what_has_passed_as_it_is(bench: Any) -> None:
    viber = {"text": "a", "validityPeriod": 100, "validityPeriodTimeUnit": "SECONDS"}
    bench.advanced({"phoneNumber": "41790004100"}, viber=viber)
    bench.pass_time(40)
    bench.state.clock.rescale(10)

    bench.elapsed += 5.9
    assert bench.state.timers.run_due() == pytest.approx(1)
    bench.elapsed += 0.2
    assert bench.state.timers.run_due() is None
    assert bench.only().status.name == "EXPIRED_EXPIRED"


def test_a_deleted_message_is_left_alone_by_what_was_due_to_happen_to_it(bench: Any) -> None:
    bench.send({"phoneNumber": "41790003002"})
    bench.state.store.empty(forget_ids=False)
    bench.pass_time(10)

    assert len(bench.state.store) == 0
    assert bench.state.reports.pull(bench.call()).payload == {"results": []}
