"""Event → notifications → dispatches: every route whose `when` holds says who gets which message."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import thread_time
from typing import Any

from relay import limits
from relay.configure.expressions import Expression
from relay.configure.routes import Route
from relay.configure.sources import Source
from relay.message.notifications import Notification, parse_notification
from relay.model.dispatches import Dispatch, dispatches_of
from relay.model.events import Event
from relay.model.items import Reason
from relay.ports import UnknownScenario
from relay.problems import InvalidBody, Mistake
from relay.templates.templates import Template

MESSAGE_ROUTE = "message"  # the route's name in ids and logs where the body is a notification already


@dataclass(frozen=True, slots=True)
class Misrouted:
    """A route that wanted the event and can't serve it, or not all items, until a person acts.

    `detail` names route, item and field.
    """

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Routed:
    """What the routes made of an event. Neither dispatches nor misroutings: no route wanted it."""

    dispatches: tuple[Dispatch, ...]
    misrouted: tuple[Misrouted, ...]


class _RouteFailed(Exception):
    def __init__(self, route: str, detail: str, reason: Reason = Reason.ROUTE_INVALID) -> None:
        super().__init__(detail)
        self.detail = detail
        self.misrouted = Misrouted(reason, f"route {route}: {detail}")


@dataclass(frozen=True, slots=True)
class _ItemFailed:
    """An item of `for_each` that its route can't serve; the others are served, and recognised in a replay."""

    detail: str


def route(event: Event, source: Source, *, limit: int, scenario_key: Callable[[str], str], installation: str) -> Routed:
    """Runs all routes of the source; a failure of one, or of one of its items, leaves the others' dispatches standing.

    Args:
        event: the verified event.
        source: where it comes from.
        limit: destinations per dispatch.
        scenario_key: looks a scenario's key up, to be sure that there is one.
        installation: see `dispatches_of`.

    Raises:
        InvalidBody: the body of a `format: message` source isn't a notification.
        ConfigurationUnavailable: a scenario can't be looked up now.
    """
    run = _Run(event, source, limit, installation, scenario_key, until=thread_time() + limits.ROUTES_SECONDS)
    rules = (None,) if source.format == "message" else source.routes
    left = limits.RECIPIENTS
    dispatches: dict[str, Dispatch] = {}
    misrouted: list[Misrouted] = []
    for rule in rules:
        try:
            made, failed = run.serve(rule, left)
            left -= sum(len(dispatch.messages) for dispatch in made)
            dispatches |= {dispatch.id: dispatch for dispatch in made}
            misrouted += failed
        except _RouteFailed as failure:
            misrouted.append(failure.misrouted)
    misrouted += [Misrouted(Reason.ROUTE_INVALID, f"route {m.route}: {m}") for m in source.mistakes]
    return Routed(tuple(dispatches.values()), tuple(misrouted))


@dataclass(frozen=True, slots=True)
class _Run:
    event: Event
    source: Source
    limit: int
    installation: str
    scenario_key: Callable[[str], str]
    until: float

    def serve(self, rule: Route | None, left: int) -> tuple[list[Dispatch], list[Misrouted]]:
        """The dispatches of one rule, with at most `left` destinations, and what its failed items come to.

        None stands for a body that is the notification. Raises _RouteFailed where nothing of the rule may be sent.
        """
        name = rule.name if rule else MESSAGE_ROUTE
        made: list[Dispatch] = []
        failures: list[_ItemFailed] = []
        for item, notification in self._notifications(rule):
            if thread_time() > self.until:
                raise _RouteFailed(name, f"takes more than {limits.ROUTES_SECONDS} s")
            if isinstance(notification, _ItemFailed):
                failures.append(notification)
                continue
            left -= len(notification.to)
            if left < 0:
                raise _RouteFailed(name, f"to: more than {limits.RECIPIENTS} destinations of one event")
            made += self._dispatches(name, item, notification)
        return made, [_misrouted(name, failures)] if failures else []

    def _dispatches(self, route_name: str, item: str, notification: Notification) -> Iterator[Dispatch]:
        try:
            self.scenario_key(notification.scenario)
        except UnknownScenario:
            detail = f"scenario: no key is configured for {notification.scenario}"
            raise _RouteFailed(route_name, detail, Reason.UNKNOWN_SCENARIO) from None
        yield from dispatches_of(
            notification,
            event_id=self.event.id,
            source=self.source.name,
            route=route_name,
            item=item,
            limit=self.limit,
            installation=self.installation,
        )

    def _notifications(self, rule: Route | None) -> Iterator[tuple[str, Notification | _ItemFailed]]:
        """Each with the key of its item."""
        if rule is None:
            yield "", parse_notification(self.event.body)
            return
        variables = self.event.variables()
        if rule.when and not _holds(_search(rule, "when", rule.when, variables)):
            return
        if rule.for_each is None:
            yield "", _notification(rule, variables | {"item": None})
            return
        # All keys come first: with a wrong `item_id` none is sent, for its mending would give the sent ones other ids.
        items = list(_items(rule, rule.for_each, variables, self.source.verification.preset.item_id))
        for place, (key, item) in enumerate(items, start=1):
            began = thread_time()
            try:
                yield key, _notification(rule, variables | {"item": item})
            except _RouteFailed as failure:
                if thread_time() - began > limits.SLOW_ITEM_SECONDS:
                    raise
                yield key, _ItemFailed(f"item {place} of {len(items)}: {failure.detail}")


def _misrouted(route_name: str, failures: Sequence[_ItemFailed]) -> Misrouted:
    """What a person needs to know of a route's failed items: there may be hundreds."""
    more = len(failures) - limits.ITEMS_TOLD
    told = [failure.detail for failure in failures[: limits.ITEMS_TOLD]] + [f"and {more} more"] * (more > 0)
    return Misrouted(Reason.ROUTE_INVALID, f"route {route_name}: {'; '.join(told)}")


def _holds(value: Any) -> bool:
    """JMESPath's own truth: empty and null are false, but 0 is true."""
    return value is not None and value is not False and value not in ("", [], {})


def _items(
    rule: Route, for_each: Expression, variables: Mapping[str, Any], named_by: str | None
) -> Iterator[tuple[str, Any]]:
    """Each item with a key that stays the same when a sender repeats an event in another order."""
    items = _search(rule, "for_each", for_each, variables)
    if items is None:
        return
    if not isinstance(items, list):
        raise _RouteFailed(rule.name, "for_each: expected a list")
    if len(items) > limits.ITEMS:
        raise _RouteFailed(rule.name, f"for_each: {len(items)} items, of at most {limits.ITEMS}")
    seen: dict[str, int] = {}
    for item in items:
        key = _item_key(rule, variables, item, named_by)
        seen[key] = seen.get(key, 0) + 1
        yield f"{key}/{seen[key]}", item


def _item_key(rule: Route, variables: Mapping[str, Any], item: Any, named_by: str | None) -> str:
    """By the route's `item_id`, else by the field in which this sender names its items, else by all of the item."""
    if rule.item_id:
        value = _search(rule, "item_id", rule.item_id, {**variables, "item": item})
    else:
        value = item.get(named_by, item) if named_by and isinstance(item, dict) else item
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _notification(rule: Route, variables: Mapping[str, Any]) -> Notification:
    if isinstance(rule.to, tuple):
        to: Any = [_render(rule, f"to[{i}]", recipient, variables) for i, recipient in enumerate(rule.to)]
    else:
        to = _search(rule, "to", rule.to, variables)
    fields = {name: _render(rule, name, value, variables) for name, value in rule.fields.items()}
    try:
        return parse_notification({"scenario": rule.scenario, "to": to, **fields})
    except InvalidBody as problem:
        first = problem.errors[0]
        raise _RouteFailed(rule.name, f"{first.field}: {first.problem}") from None


def _render(rule: Route, field: str, value: Any, variables: Mapping[str, Any]) -> Any:
    """The value with its templates rendered; a recipient's empty address counts as absent."""
    if isinstance(value, Template):
        try:
            return value.render(variables)
        except Mistake as problem:
            raise _RouteFailed(rule.name, f"{field}: {problem}") from None
    if isinstance(value, Mapping):
        return {key: _render(rule, f"{field}.{key}", inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_render(rule, f"{field}[{i}]", inner, variables) for i, inner in enumerate(value)]
    return value


def _search(rule: Route, field: str, expression: Expression, variables: Mapping[str, Any]) -> Any:
    try:
        return expression.search(variables)
    except Mistake as problem:
        raise _RouteFailed(rule.name, f"{field}: {problem}") from None
