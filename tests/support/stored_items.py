"""Makes the items that this version stores: one of each kind that it queues or parks, and a receipt of each end.

At a release, `python -m tests.support.stored_items > tests/unit/model/items/VERSION.json` keeps them as a file. The
tests of later versions read it. Add the commit as `commit`.
"""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from omni.errors import BadRequest, ServerError, Unauthorized
from relay.model.events import Event
from relay.model.items import Parked, QueueItem, Reason
from relay.model.records import Record, State
from tests.support.fakes import BLOCKLISTED, NEW_GROUP, NO_CREDIT, World

ONE, TWO = "41793026727", "41793026731"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
Json = dict[str, Any]
_FAILURES: Mapping[Reason, Exception] = {
    Reason.REQUEST_REFUSED: BadRequest(400),
    Reason.ACCOUNT_BLOCKED: Unauthorized(401),
    Reason.ATTEMPTS_EXHAUSTED: ServerError(500),
}
_STATUSES = {Reason.MESSAGES_REJECTED: BLOCKLISTED, Reason.STATUS_UNKNOWN: NEW_GROUP}
_GIVEN_UP = {Reason.ATTEMPTS_EXHAUSTED, Reason.ACCOUNT_BLOCKED}  # these leave no receipt


def written(item: QueueItem | Parked) -> Json:
    """Writes the item as aws/outbox.py does."""
    return item.model_dump(mode="json", by_alias=True, exclude_none=True)


def route(*phones: str, **others: Any) -> Json:
    return {"scenario": "incident", "to": [{"phone": f"+{p}"} for p in phones], "text": "{{ body.text }}"} | others


def relay_one_event(world: World, rule: Json, delivery: str = "queued", **fields: Any) -> World:
    """Lets the world relay one event by one route."""
    source = world.add_source("ci", {"all": rule}, delivery=delivery)
    headers = {"x-github-event": "release"}
    event = Event(source="ci", id="e1", headers=headers, body={"text": "hello"}, received_at=AT, **fields)
    world.relayer.relay(event, source)
    return world


def deliver_all(world: World) -> None:
    while world.outbox.queue:
        item, _ = world.outbox.queue.pop(0)
        assert world.deliverer.deliver(json.dumps(written(item)), 1) is None


def stored() -> dict[str, Json]:
    """Returns what this version stores, by kind and by a name that says what it is."""
    receipts: Json = {}
    queue = {name: written(make().outbox.queue[0][0]) for name, make in _QUEUED.items()}
    receipts["requeued"] = _receipt(_partly_refused())
    receipts["sent"] = _receipt(_short_of_time())
    parked: Json = {}
    for reason in (Reason.UNKNOWN_SCENARIO, *_STATUSES, *_FAILURES):
        world = _parked_for(reason)
        parked[reason] = written(world.outbox.parked[0])
        if reason not in _GIVEN_UP:
            receipts[reason] = _receipt(world)
    parked[Reason.ROUTE_INVALID] = written(_misrouted())
    parked[Reason.MALFORMED_ITEM] = written(_malformed())
    queue["replayed_dispatch"] = written(_replayed(_parked_for(Reason.MESSAGES_REJECTED).outbox.parked[0]))
    queue["replayed_event"] = written(_replayed(_misrouted()))
    return {"queue": queue, "parked": parked, "receipts": receipts, "following": _following()}


def _following() -> dict[str, Json]:
    """Returns the queue's items of a route with `unless_delivered`, and the item for a record that came late."""
    step = {"within": "5m", "to": [{"phone": f"+{TWO}"}]}
    world = relay_one_event(World(), route(ONE, unless_delivered=step))
    dispatch, watch = (item for item, _ in world.outbox.queue)
    assert dispatch.dispatch
    record = Record(
        message_id=dispatch.dispatch.messages[0].message_id,
        event_id="e1",
        source="ci",
        route="all",
        scenario="incident",
        dispatch_id=dispatch.dispatch.id,
        to={"phone": "+4179…27"},
        attempt=1,
        at=AT,
        state=State.SENT,
        unless_delivered=dispatch.dispatch.unless_delivered,
    )
    late = QueueItem(records=(record,), first_attempt_at=AT)
    return {"watched": written(dispatch), "watch": written(watch), "record": written(late)}


def _receipt(world: World) -> Json:
    return next({"id": key, "record": result} for (kind, key), result in world.ledger.results.items() if kind == "send")


def _advanced() -> World:
    extras = {"subject": "Hi", "channels": {"sms": {"text": "short"}}, "send_at": "2026-03-01T18:00:00Z"}
    return relay_one_event(World(), route(ONE, **extras))


def _deferred() -> World:
    world = World()
    world.omni.failures = [ServerError(503)]
    return relay_one_event(world, route(ONE), delivery="direct")


def _partly_refused() -> World:
    world = World()
    world.omni.statuses[TWO] = NO_CREDIT
    return relay_one_event(world, route(ONE, TWO), delivery="direct")


def _short_of_time() -> World:
    """The first of two dispatches takes all the time. The id was in a header, so the event has today's new fields."""
    world = World(limit=1)
    send = world.omni.send

    def slow(request: Any, deadline: float) -> Any:
        world.clock.remaining = 2.5
        return send(request, deadline)

    world.omni.send = slow  # type: ignore[method-assign]  # only this test's OMNI is slow
    return relay_one_event(world, route(ONE, TWO), "direct", body_hash="0b1f", first_id="e0")


_QUEUED: Mapping[str, Callable[[], World]] = {
    "queued": lambda: relay_one_event(World(), route(ONE)),
    "advanced": _advanced,
    "deferred": _deferred,
    "part_of_a_dispatch": _partly_refused,
    "rest_of_an_event": _short_of_time,
}


def _parked_for(reason: Reason) -> World:
    """The dispatch of one event, of which one message or all ended parked for this reason."""
    world = relay_one_event(World(), route(ONE, TWO))
    if reason in _STATUSES:
        world.omni.statuses[ONE] = _STATUSES[reason]
    elif reason in _FAILURES:
        world.omni.failures = [_FAILURES[reason]]
    else:
        world.configuration.scenarios.clear()
    if reason in _GIVEN_UP:
        world.clock.advance(100_000)
    deliver_all(world)
    return world


def _misrouted() -> Parked:
    return relay_one_event(World(), route(ONE, text="{{ body.missing.field }}")).outbox.parked[0]


def _malformed() -> Parked:
    world = World()
    world.deliverer.deliver("not ours", 1)
    return world.outbox.parked[0]


def _replayed(parked: Parked) -> QueueItem:
    item = parked.replayed(AT)
    assert item
    return item


if __name__ == "__main__":
    schemas = {model.__name__: model.model_json_schema() for model in (QueueItem, Parked)}
    json.dump(stored() | {"schemas": schemas}, sys.stdout, indent=1, ensure_ascii=False)
