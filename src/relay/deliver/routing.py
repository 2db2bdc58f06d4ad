"""Runs the routes: each one whose `when` holds makes notifications of the event, and these become dispatches."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import thread_time
from typing import Any, Literal

from relay import limits
from relay.configure.expressions import Expression
from relay.configure.routes import Route, checked_notification, each_leaf
from relay.configure.sources import Source
from relay.message.notifications import Notification, parse_notification
from relay.model.dispatches import Dispatch, dispatches_of
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
    """What one route says of an event.

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


def route(
    event: Event, source: Source, *, limit: int, installation: str, scenario_key: Callable[[str], str]
) -> list[Verdict]:
    """Runs all routes of the source, in order. If a route or an item fails, the dispatches of the others stand.

    Args:
        event: the verified event.
        source: where it comes from.
        limit: destinations per dispatch.
        installation: see `dispatches_of`.
        scenario_key: looks a scenario's key up, to be sure that there is one.

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
            for scenario in {notification.scenario for _, notification in made}:
                scenario_key(scenario)
        except UnknownScenario:
            unknown = Mistake(f"no key is configured for {scenario}", "scenario")
            verdicts.append(_failed(name, [unknown], Reason.UNKNOWN_SCENARIO))
            continue
        except Mistake as mistake:
            made, failures = [], [mistake]
        dispatches: list[Dispatch] = []
        for item, notification in made:
            left -= len(notification.to)
            dispatches += dispatches_of(
                notification, event, route=name, item=item, limit=limit, installation=installation
            )
        verdict = _failed(name, failures) if failures else Verdict(name)
        verdicts.append(
            replace(verdict, notifications=[notification for _, notification in made], dispatches=dispatches)
        )
    verdicts += [_failed(str(mistake.route), [mistake]) for mistake in source.mistakes]
    return [_muted(verdict) if verdict.route in event.muted else verdict for verdict in verdicts]


def _muted(verdict: Verdict) -> Verdict:
    return verdict if verdict.name == "unmatched" else Verdict(verdict.route, muted=True)


def _failed(name: str, mistakes: Sequence[Mistake], reason: Reason = Reason.ROUTE_INVALID) -> Verdict:
    return Verdict(name, misrouted=(reason, f"route {name}: {_told(mistakes)}"), mistakes=mistakes)


def _notifications(
    rule: Route | None, event: Event, source: Source, left: int, until: float
) -> tuple[list[tuple[str, Notification]], list[Mistake]]:
    """Makes a route's notifications, each with the key of its item, and says which items failed.

    Without a rule the event's body is the notification. Raises Mistake where nothing of the route may be sent.
    """
    made: list[tuple[str, Notification]] = []
    failures: list[Mistake] = []
    for item, notification in _each(rule, event, source) if rule else [("", parse_notification(event.body))]:
        if thread_time() > until:
            raise Mistake(f"takes more than {limits.ROUTES_SECONDS} s")
        if isinstance(notification, Mistake):
            failures.append(notification)
            continue
        left -= len(notification.to)
        if left < 0:
            raise Mistake(f"to: more than {limits.RECIPIENTS} destinations of one event")
        made.append((item, notification))
    return made, failures


def _each(rule: Route, event: Event, source: Source) -> Iterator[tuple[str, Notification | Mistake]]:
    """Yields each item's key with its notification, or with the mistake for which the item can't be served."""
    variables = event.variables()
    if rule.when and not holds(_search("when", rule.when, variables)):
        return
    if rule.for_each is None:
        yield "", _notification(rule, variables | {"item": None})
        return
    # Compute all keys first. If `item_id` is wrong, send nothing: fixing it later would change the ids of items sent.
    items = list(_items(rule, rule.for_each, variables, source.verification.item_id))
    for place, (key, item) in enumerate(items, start=1):
        began = thread_time()
        try:
            yield key, _notification(rule, variables | {"item": item})
        except Mistake as mistake:
            if thread_time() - began > limits.SLOW_ITEM_SECONDS:
                raise
            yield key, Mistake(str(mistake), f"item {place} of {len(items)}")


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


def _notification(rule: Route, variables: Mapping[str, Any]) -> Notification:
    def rendered(leaf: Any, field: str) -> Any:
        try:
            return leaf.render(variables) if isinstance(leaf, Template) else leaf
        except Mistake as mistake:
            raise Mistake(str(mistake), field) from None

    to = _search("to", rule.to, variables) if isinstance(rule.to, Expression) else each_leaf(rule.to, "to", rendered)
    fields = {name: each_leaf(value, name, rendered) for name, value in rule.fields.items()}
    return checked_notification(rule.scenario, to, fields)


def _search(field: str, expression: Expression, variables: Mapping[str, Any]) -> Any:
    try:
        return expression.search(variables)
    except Mistake as mistake:
        raise Mistake(str(mistake), field) from None
