"""A route as configured, compiled when it is loaded; a mistake names the field and what was expected."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from relay import limits
from relay.configure.drafts import (
    ScenarioName,
    Texts,
    To,
    check_channels,
    check_constants,
    compile_texts,
    compile_to,
)
from relay.configure.expressions import Expression, compile_expression
from relay.configure.settings import at, below, read
from relay.problems import Mistake
from relay.templates import VARIABLES, Template

EVENT = VARIABLES - {"item"}  # what expressions see of an event; `item` exists beside for_each only
_TEXTS = {*Texts.model_fields, "send_at"}
_DURATION = re.compile(r"([0-9]{1,6})([smh])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST = f"{limits.STEP_SECONDS // 3600}h"


def _seconds(value: Any) -> int:
    """Reads a duration, such as `90s`, `5m` or `2h`."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 1 <= seconds <= limits.STEP_SECONDS:
        raise Mistake(f"expected a duration such as 90s, 5m or 2h, of at most {_LONGEST}")
    return seconds


class _RouteSettings(Texts):
    when: str | None = None
    for_each: str | None = None
    item_id: str | None = None
    scenario: ScenarioName
    to: To
    send_at: Annotated[str | None, Field(alias="sendAt")] = None
    muted: bool = False
    unless_delivered: Any = None


class _StepSettings(Texts):
    """A step as it is written. Fields that are left out are the route's own."""

    within: Annotated[int, BeforeValidator(_seconds)]
    scenario: ScenarioName | None = None
    to: To = None


ROUTE_FIELDS, STEP_FIELDS = (
    tuple(info.alias or name for name, info in model.model_fields.items()) for model in (_RouteSettings, _StepSettings)
)


@dataclass(frozen=True, slots=True)
class Draft:
    """Who hears what by which scenario, compiled.

    `fields` holds the notification's other fields by the names that people write: values, nested in lists and dicts, in
    which each text is a template.
    """

    scenario: str
    to: Expression | tuple[Mapping[str, Template], ...]
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDraft(Draft):
    """A step of `unless_delivered`: what is sent for a message that is not delivered `within` so many seconds.

    `place` names the step where a mistake is told, such as `unless_delivered[1]`.
    """

    place: str
    within: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Draft):
    """A compiled rule: *when* it applies, *who* gets the message, *what* it says, by *which scenario*."""

    name: str
    when: Expression | None = None
    for_each: Expression | None = None
    item_id: Expression | None = None
    muted: bool = False
    unless_delivered: tuple[StepDraft, ...] = ()


def compile_route(name: str, raw: Any) -> Route:
    """Compiles a route from its parsed settings.

    Raises:
        Mistake: the first that is found; its place is the field.
    """
    settings = read(_RouteSettings, raw)
    if settings.item_id and not settings.for_each:
        raise Mistake("expected for_each beside it", "item_id")
    variables = VARIABLES if settings.for_each else EVENT
    draft = Draft(settings.scenario, compile_to(settings.to, variables), _fields(settings, variables))
    check_constants(draft.scenario, draft.fields)
    return Route(
        name=name,
        scenario=draft.scenario,
        to=draft.to,
        fields=draft.fields,
        when=compile_field("when", settings.when, EVENT),
        for_each=compile_field("for_each", settings.for_each, EVENT),
        item_id=compile_field("item_id", settings.item_id, VARIABLES),
        muted=settings.muted,
        unless_delivered=tuple(_steps(settings.unless_delivered, draft, variables)),
    )


def compile_field(field: str, expression: str | None, variables: frozenset[str]) -> Expression | None:
    """Compiles an optional expression over `variables`. Raises Mistake with `field` as its place."""
    if expression is None:
        return None
    with at(field):
        return compile_expression(expression, variables)


def _fields(settings: Texts, variables: frozenset[str]) -> dict[str, Any]:
    given = settings.model_dump(by_alias=True, include=_TEXTS, exclude_none=True)
    fields = {field: compile_texts(value, field, variables) for field, value in given.items()}
    check_channels(settings.channels or {})
    return fields


def _steps(raw: Any, route: Draft, variables: frozenset[str]) -> Iterator[StepDraft]:
    """Compiles `unless_delivered`, which is one step or a list of steps."""
    if raw is None:
        return
    if isinstance(raw, list) and not 1 <= len(raw) <= limits.STEPS:
        raise Mistake(f"expected 1 to {limits.STEPS} steps", "unless_delivered")
    if "sendAt" in route.fields:
        # Nobody can wait for the delivery of a message that is sent weeks later: the queue keeps an item for 14 days.
        raise Mistake("expected no sendAt beside it", "unless_delivered")
    for index, each in enumerate(raw if isinstance(raw, list) else [raw]):
        place = f"unless_delivered[{index}]" if isinstance(raw, list) else "unless_delivered"
        with below(place):
            step = _step(place, each, route, variables)
        yield step


def _step(place: str, raw: Any, route: Draft, variables: frozenset[str]) -> StepDraft:
    settings = read(_StepSettings, raw)
    draft = StepDraft(
        place=place,
        within=settings.within,
        scenario=settings.scenario or route.scenario,
        to=route.to if settings.to is None else compile_to(settings.to, variables),
        fields={**route.fields, **_fields(settings, variables)},
    )
    check_constants(draft.scenario, draft.fields)
    return draft
