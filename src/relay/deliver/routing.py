"""Runs the routes: each one whose `when` holds makes notifications of the event, and these become dispatches."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import mul
from time import thread_time
from typing import Any, Literal

from relay import limits
from relay.configure.drafts import checked_notification, each_leaf
from relay.configure.expressions import Expression
from relay.configure.routes import Draft, Route, StepDraft
from relay.configure.settings import below
from relay.configure.sources import Source
from relay.message.notifications import Notification, parse_notification
from relay.model.dispatches import Dispatch, Step, content_of, dispatches_of
from relay.model.events import Event
from relay.model.items import Reason
from relay.ports import UnknownScenario
from relay.problems import Mistake
from relay.templates import Template

MESSAGE_ROUTE = "message"  # the route's name in ids and logs where the body is a notification already


# A route that wanted the event and can't serve it, or not all of its items, until a person acts. The text names the
# route, the item and the field.
Misrouted = tuple[Reason, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of one route on an event.

    Attributes:
        notifications: one for each item that the route can serve; none if it doesn't want the event.
        dispatches: what becomes of the notifications.
        misrouted: set if the route failed, for the event or for some of its items.
        mistakes: the same in full: one for the route, or for each of the items.
        muted: the route wanted the event, but it was muted.
    """

    route: str
    notifications: Sequence[Notification] = ()
    dispatches: Sequence[Dispatch] = ()
    misrouted: Misrouted | None = None
    mistakes: Sequence[Mistake] = ()
    muted: bool = False

    @property
    def name(self) -> Literal["matched", "unmatched", "failed", "muted"]:
        if self.muted:
            return "muted"
        if self.misrouted:
            return "failed"
        return "matched" if self.notifications else "unmatched"


def dispatches_in(verdicts: Iterable[Verdict]) -> list[Dispatch]:
    """Returns the dispatches of all routes. Equal items of an event make one dispatch."""
    return list({dispatch.id: dispatch for verdict in verdicts for dispatch in verdict.dispatches}.values())


@dataclass(frozen=True, slots=True)
class _Made:
    """A notification for one item of a route, and what follows if it is not delivered. `item` is its key."""

    item: str
    notification: Notification
    steps: Sequence[Step] = ()

    @property
    def scenarios(self) -> set[str]:
        return {self.notification.scenario, *(step.content.scenario for step in self.steps)}

    @property
    def reach(self) -> int:
        """The most messages that can come of it: a step's go out for each message that is not delivered."""
        sizes = accumulate([len(self.notification.to), *(len(step.to) for step in self.steps)], mul)
        return sum(sizes)


def route(
    event: Event,
    source: Source,
    *,
    limit: int,
    installation: str,
    scenario_key: Callable[[str], str],
    follows: bool = True,
) -> list[Verdict]:
    """Runs all routes of the source, in order. If a route or an item fails, the dispatches of the others stand.

    Args:
        event: the verified event.
        source: where it comes from.
        limit: destinations per dispatch.
        installation: see `dispatches_of`.
        scenario_key: looks a scenario's key up, to be sure that there is one.
        follows: whether OMNI's reports are asked for. Without them, no route can have `unless_delivered`.

    Raises:
        InvalidBody: the body of a `format: message` source isn't a notification.
        ConfigurationUnavailable: a scenario can't be looked up now.
    """
    until, left = thread_time() + limits.ROUTES_SECONDS, limits.RECIPIENTS
    verdicts: list[Verdict] = []
    for rule in (None,) if source.format == "message" else source.routes:
        name = rule.name if rule else MESSAGE_ROUTE
        try:
            made, failures = _notifications(rule, event, source, left, until)
            _check(made, scenario_key, follows=follows)
        except UnknownScenario as unknown:
            missing = Mistake(f"no key is configured for {unknown}", "scenario")
            verdicts.append(_failed(name, [missing], Reason.UNKNOWN_SCENARIO))
            continue
        except Mistake as mistake:
            made, failures = [], [mistake]
        left -= sum(each.reach for each in made)
        verdict = _failed(name, failures) if failures else Verdict(name)
        verdicts.append(_with(verdict, made, event, limit=limit, installation=installation))
    verdicts += [_failed(str(mistake.route), [mistake]) for mistake in source.mistakes]
    return [_muted(verdict) if verdict.route in event.muted else verdict for verdict in verdicts]


def _with(verdict: Verdict, made: Sequence[_Made], event: Event, **parts: Any) -> Verdict:
    """Adds what the route made to its verdict. `parts` are for `dispatches_of`."""
    dispatches: list[Dispatch] = []
    for each in made:
        named: dict[str, Any] = {"route": verdict.route, "item": each.item, "steps": each.steps}
        dispatches += dispatches_of(each.notification, event, **named, **parts)
    return replace(verdict, notifications=[each.notification for each in made], dispatches=dispatches)


def _muted(verdict: Verdict) -> Verdict:
    return verdict if verdict.name == "unmatched" else Verdict(verdict.route, muted=True)


def _check(made: Iterable[_Made], scenario_key: Callable[[str], str], *, follows: bool) -> None:
    """Raises Mistake, UnknownScenario or ConfigurationUnavailable if nothing of the route may be sent."""
    if not follows and any(each.steps for each in made):
        raise Mistake("expected the stack's DeliveryReports to be pull or push", "unless_delivered")
    for scenario in {scenario for each in made for scenario in each.scenarios}:
        scenario_key(scenario)


def _failed(name: str, mistakes: Sequence[Mistake], reason: Reason = Reason.ROUTE_INVALID) -> Verdict:
    return Verdict(name, misrouted=(reason, f"route {name}: {_told(mistakes)}"), mistakes=mistakes)


def _notifications(
    rule: Route | None, event: Event, source: Source, left: int, until: float
) -> tuple[list[_Made], list[Mistake]]:
    """Makes a route's notifications, and says which items failed.

    Without a rule the event's body is the notification. Raises Mistake where nothing of the route may be sent.
    """
    made: list[_Made] = []
    failures: list[Mistake] = []
    for each in _each(rule, event, source) if rule else [_Made("", parse_notification(event.body))]:
        if thread_time() > until:
            raise Mistake(f"takes more than {limits.ROUTES_SECONDS} s")
        if isinstance(each, Mistake):
            failures.append(each)
            continue
        left -= each.reach
        if left < 0:
            raise Mistake(f"to: more than {limits.RECIPIENTS} destinations of one event")
        made.append(each)
    return made, failures


def _each(rule: Route, event: Event, source: Source) -> Iterator[_Made | Mistake]:
    """Yields what each item makes, or the mistake for which the item can't be served."""
    variables = event.variables()
    if rule.when and not holds(_search("when", rule.when, variables)):
        return
    if rule.for_each is None:
        yield _made("", rule, variables | {"item": None})
        return
    # Compute all keys first. If `item_id` is wrong, send nothing: fixing it later would change the ids of items sent.
    items = list(_items(rule, rule.for_each, variables, source.verification.item_id))
    for place, (key, item) in enumerate(items, start=1):
        began = thread_time()
        try:
            yield _made(key, rule, variables | {"item": item})
        except Mistake as mistake:
            if thread_time() - began > limits.SLOW_ITEM_SECONDS:
                raise
            yield Mistake(str(mistake), f"item {place} of {len(items)}")


def _told(failures: Sequence[Mistake]) -> str:
    """Says what a person needs to know of a route's failed items: there may be hundreds."""
    more = len(failures) - limits.ITEMS_TOLD
    return "; ".join([*map(str, failures[: limits.ITEMS_TOLD]), *([f"and {more} more"] if more > 0 else [])])


def holds(value: Any) -> bool:
    """Says whether a value is true by JMESPath's own rule: empty and null are false, but 0 is true."""
    return value is not None and value is not False and value not in ("", [], {})


def _items(
    rule: Route, for_each: Expression, variables: Mapping[str, Any], named_by: str | None
) -> Iterator[tuple[str, Any]]:
    """Yields each item with a key that stays the same when a sender repeats an event in another order."""
    items = _search("for_each", for_each, variables)
    if items is None:
        return
    if not isinstance(items, list):
        raise Mistake("expected a list", "for_each")
    if len(items) > limits.ITEMS:
        raise Mistake(f"{len(items)} items, of at most {limits.ITEMS}", "for_each")
    seen: dict[str, int] = {}
    for item in items:
        key = _item_key(rule, variables, item, named_by)
        seen[key] = seen.get(key, 0) + 1
        yield f"{key}/{seen[key]}", item


def _item_key(rule: Route, variables: Mapping[str, Any], item: Any, named_by: str | None) -> str:
    """Identifies an item by the route's `item_id`, else by the field in which this sender names its items, else by
    all of the item.
    """
    if rule.item_id:
        value = _search("item_id", rule.item_id, {**variables, "item": item})
    else:
        value = item.get(named_by, item) if named_by and isinstance(item, dict) else item
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _made(item: str, rule: Route, variables: Mapping[str, Any]) -> _Made:
    return _Made(item, _notification(rule, variables), [_step(draft, variables) for draft in rule.unless_delivered])


def _step(draft: StepDraft, variables: Mapping[str, Any]) -> Step:
    with below(draft.place):
        notification = _notification(draft, variables)
    return Step(within=draft.within, to=notification.to, content=content_of(notification))


def _notification(draft: Draft, variables: Mapping[str, Any]) -> Notification:
    def rendered(leaf: Any, field: str) -> Any:
        try:
            return leaf.render(variables) if isinstance(leaf, Template) else leaf
        except Mistake as mistake:
            raise Mistake(str(mistake), field) from None

    to = _search("to", draft.to, variables) if isinstance(draft.to, Expression) else each_leaf(draft.to, "to", rendered)
    fields = {name: each_leaf(value, name, rendered) for name, value in draft.fields.items()}
    return checked_notification(draft.scenario, to, fields)


def _search(field: str, expression: Expression, variables: Mapping[str, Any]) -> Any:
    try:
        return expression.search(variables)
    except Mistake as mistake:
        raise Mistake(str(mistake), field) from None
