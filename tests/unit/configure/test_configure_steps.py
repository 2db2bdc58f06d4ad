"""A route's `unless_delivered` is one step or a list of steps, and every mistake in it names its field."""

from typing import Any

import pytest

from relay import limits
from relay.configure.sources import Source, parse_source

ROUTE = {
    "scenario": "incident",
    "to": [{"phone": "+41793026727"}],
    "text": "{{ body.name }} is full",
    "subject": "Disk",
}


def source(unless_delivered: Any, **fields: Any) -> Source:
    return parse_source(
        "ci", {"verify": "bearer"}, {"all": ROUTE | fields | {"unless_delivered": unless_delivered}}, ()
    )


@pytest.mark.parametrize(
    ("within", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("1s", 1), ("24h", 86_400), ("86400s", 86_400)]
)
def test_within_is_a_duration(within: str, seconds: int) -> None:
    [route] = source({"within": within}).routes
    assert [step.within for step in route.unless_delivered] == [seconds]


@pytest.mark.parametrize("within", ["", "5", 5, 300.0, True, "5 m", "5min", "-5m", "0s", "1.5h", "25h", None, ["5m"]])
def test_any_other_within_is_a_mistake(within: Any) -> None:
    [mistake] = source({"within": within}).mistakes
    assert mistake.field == "unless_delivered.within"
    assert mistake.detail == "expected a duration such as 90s, 5m or 2h, of at most 24h"


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({}, "unless_delivered[1].within"),
        ({"within": "5m", "scenario": "wake up"}, "unless_delivered[1].scenario"),
        ({"within": "5m", "to": []}, "unless_delivered[1].to"),
        ({"within": "5m", "to": [{"phone": "079"}]}, "unless_delivered[1].to[0].phone"),
        ({"within": "5m", "to": "body..to"}, "unless_delivered[1].to"),
        ({"within": "5m", "text": "{{ body.name"}, "unless_delivered[1].text"),
        ({"within": "5m", "text": "{{ item.name }}"}, "unless_delivered[1].text"),
        ({"within": "5m", "text": "  "}, "unless_delivered[1].text"),
        ({"within": "5m", "channels": {"fax": {}}}, "unless_delivered[1].channels.fax"),
        ({"within": "5m", "channels": {"sms": {"text": "{{"}}}, "unless_delivered[1].channels.sms.text"),
        ({"within": "5m", "notifyUrl": "http://localhost/"}, "unless_delivered[1].notifyUrl"),
        ({"within": "5m", "sendAt": "2031-05-24T10:45:38.000+0000"}, "unless_delivered[1].sendAt"),
        ({"within": "5m", "when": "body.name"}, "unless_delivered[1].when"),
        ({"within": "5m", "unless_delivered": {"within": "5m"}}, "unless_delivered[1].unless_delivered"),
        ("5m", "unless_delivered[1]"),
    ],
)
def test_a_mistake_names_the_step_and_the_field(step: Any, field: str) -> None:
    [mistake] = source([{"within": "5m"}, step]).mistakes
    assert (mistake.route, mistake.field) == ("all", field)
    assert mistake.detail


@pytest.mark.parametrize("steps", [[], [{"within": "5m"}] * (limits.STEPS + 1)])
def test_a_list_has_one_to_ten_steps(steps: Any) -> None:
    [mistake] = source(steps).mistakes
    assert (mistake.field, mistake.detail) == ("unless_delivered", "expected 1 to 10 steps")


def test_it_can_not_stand_beside_send_at() -> None:
    [mistake] = source({"within": "5m"}, sendAt="{{ body.at }}").mistakes
    assert (mistake.field, mistake.detail) == ("unless_delivered", "expected no sendAt beside it")


def test_what_a_step_leaves_out_is_the_routes_own_and_never_the_former_steps() -> None:
    [route] = source([{"within": "5m", "text": "One", "scenario": "call"}, {"within": "5m", "to": "body.to"}]).routes
    one, two = route.unless_delivered
    assert (one.to, one.scenario, one.fields["subject"]) == (route.to, "call", route.fields["subject"])
    assert (two.scenario, two.fields) == ("incident", route.fields)
    assert two.to != route.to


def test_a_step_may_use_the_routes_item() -> None:
    [route] = source({"within": "5m", "text": "{{ item.name }}"}, for_each="body.items").routes
    assert route.unless_delivered


def test_the_scenarios_of_the_steps_are_the_sources_too() -> None:
    assert source([{"within": "5m", "scenario": "call"}, {"within": "5m"}]).scenarios == {"incident", "call"}


def test_null_is_no_step() -> None:
    [route] = source(None).routes
    assert route.unless_delivered == ()
