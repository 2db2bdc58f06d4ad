"""Takes a firing of a schedule in: one notification, a list of them, or an event for a source's routes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.configure.sources import SCHEDULE, Source
from relay.deliver.outcomes import Outcome, event_line
from relay.deliver.relaying import Relayer
from relay.message.notifications import parse_notification
from relay.model.events import Event
from relay.model.ids import derive_id
from relay.ports import Configuration, ConfigurationUnavailable
from relay.problems import FieldError, InvalidBody, Problem, Unavailable


@dataclass(frozen=True, slots=True)
class Firing:
    """`id` is the same for every retry of one firing; `payload` is what the schedule's author wrote."""

    id: str
    payload: Any


def firing_of(event: Any, request_id: str) -> Firing:
    """Reads the event of an EventBridge rule (its `detail`), or the input of a Scheduler schedule as it is.

    Lambda retries an asynchronous invocation under the same request id, so this id identifies a firing without one.
    """
    if isinstance(event, Mapping) and "detail-type" in event and "detail" in event:
        return Firing(str(event.get("id") or request_id), event["detail"])
    return Firing(request_id, event)


def events_of(firing: Firing, now: datetime) -> list[Event]:
    """Returns the events of a firing: one for each notification, or the one for a source's routes.

    Raises:
        InvalidBody: the payload is none of the three forms; `errors` say where.
    """
    payload = firing.payload
    if isinstance(payload, Mapping) and "event" in payload:
        source, identity = str(payload.get("source", "")), str(payload.get("id") or firing.id)
        return [Event(source=source, id=identity, headers=_headers(payload), body=payload["event"], received_at=now)]
    entries = payload if isinstance(payload, list) else [payload]
    if not entries:
        raise InvalidBody("Give at least one notification.", errors=[FieldError("(body)", "expected one or more")])
    # All are checked before the first is sent.
    own_ids = [parse_notification(entry).id or firing.id for entry in entries]
    return [
        Event(source=SCHEDULE.name, id=own_id, headers={}, body=entry, received_at=now)
        for own_id, entry in zip(_apart(own_ids), entries, strict=True)
    ]


def _apart(ids: Sequence[str]) -> list[str]:
    """If several notifications share an id, appends each one's index in the list."""
    counts = Counter(ids)
    apart = [f"{own_id}/{place}" if counts[own_id] > 1 else own_id for place, own_id in enumerate(ids)]
    if len(set(apart)) == len(apart):
        return apart
    return [derive_id(own_id, str(place)) for place, own_id in enumerate(ids)]


def _headers(payload: Mapping[str, Any]) -> dict[str, str]:
    """Returns what the source's routes look at besides the body."""
    given = payload.get("headers") or {}
    if not isinstance(given, Mapping):
        raise InvalidBody("Give headers as a mapping.", errors=[FieldError("headers", "expected a mapping")])
    return {str(name).lower(): str(value) for name, value in given.items()}


def fire(firing: Firing, now: datetime, *, configuration: Configuration, relayer: Relayer) -> list[Outcome]:
    """Relays each of the firing's events, and returns their outcomes.

    Each event has its log line `event_received`. A payload that is no event has one, too.

    Raises:
        InvalidBody: as `events_of`, or the payload names no configured source.
        PayloadTooLarge: some part is larger than what the queue can hold.
        DuplicateInFlight, Unavailable, ConfigurationUnavailable: try again. All others of the firing were relayed.
    """
    outcomes, failures = [], []
    for event in _events(firing, now, relayer):
        try:
            outcomes.append(_relayed(event, configuration, relayer))
        except (Problem, ConfigurationUnavailable) as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return outcomes


def _events(firing: Firing, now: datetime, relayer: Relayer) -> list[Event]:
    try:
        return events_of(firing, now)
    except InvalidBody as refusal:
        relayer.telemetry.event_received(event_line(Outcome(firing.id, SCHEDULE.name), 0.0, refusal))
        raise


def _relayed(event: Event, configuration: Configuration, relayer: Relayer) -> Outcome:
    began, outcome = relayer.now(), Outcome(event.id)
    refusal: Problem | None = Unavailable("Something unexpected happened.")
    try:
        source = _source(event, configuration)
        outcome.source = source.name
        relayer.relay(event, source, delivery="direct", outcome=outcome)
        refusal = None
    except ConfigurationUnavailable:
        refusal = Unavailable("The configuration can't be read now.")
        raise
    except Problem as problem:
        refusal = problem
        raise
    finally:
        ms = (relayer.now() - began).total_seconds() * 1000
        relayer.telemetry.event_received(event_line(outcome, ms, refusal))
    return outcome


def _source(event: Event, configuration: Configuration) -> Source:
    source = SCHEDULE if event.source == SCHEDULE.name else configuration.source(event.source)
    if source is None:
        problem = FieldError("source", "expected a configured source")
        raise InvalidBody("Name a configured source.", errors=[problem])
    return source
