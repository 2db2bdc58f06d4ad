"""All mistakes in `unless_delivered` are found at once, each with its step and its place in the file."""

from typing import Any

from configuration.checking import mistakes, unfollowed
from configuration.mistakes import Mistake

ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "disk is full"}


def found(unless_delivered: Any) -> list[Mistake]:
    source = {"verify": "bearer", "routes": {"full": ROUTE | {"unless_delivered": unless_delivered}}}
    return list(mistakes({"scenarios": {"incident": "KEY"}, "sources": {"ci": source}}, {}))


def test_the_mistakes_of_all_steps_are_found() -> None:
    one = {"within": "5 minutes", "text": "{{ body.", "to": [{"phone": "079"}]}
    two = {"within": "5m", "scenario": "wake-up-call", "txt": "Nobody has it"}
    assert {mistake.field for mistake in found([one, two])} == {
        "unless_delivered[0].within",
        "unless_delivered[0].text",
        "unless_delivered[0].to[0].phone",
        "unless_delivered[1].scenario",
        "unless_delivered[1].txt",
    }


def test_a_misspelled_field_of_a_step_is_recognised() -> None:
    [mistake] = found({"within": "5m", "scenarios": "incident"})
    assert (mistake.field, mistake.meant) == ("unless_delivered.scenarios", "scenario")


def test_a_misspelled_scenario_of_a_step_is_recognised() -> None:
    [mistake] = found({"within": "5m", "scenario": "incidnt"})
    assert (mistake.field, mistake.meant) == ("unless_delivered.scenario", "incident")


def test_a_correct_list_has_no_mistake() -> None:
    assert found([{"within": "5m"}, {"within": "2h", "scenario": "incident"}]) == []


def test_while_reports_are_off_each_route_with_steps_is_named() -> None:
    routes = {"watched": ROUTE | {"unless_delivered": {"within": "5m"}}, "plain": ROUTE}
    config = {"scenarios": {"incident": "KEY"}, "sources": {"ci": {"verify": "bearer", "routes": routes}, "x": {}}}
    [mistake] = unfollowed(config)
    assert (mistake.source, mistake.route, mistake.field) == ("ci", "watched", "unless_delivered")
