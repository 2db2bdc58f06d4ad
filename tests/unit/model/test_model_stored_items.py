"""An upgrade keeps what is stored: the last version's items and receipts are read by this one, and the other way round.

`items/` holds what each released version stored, with the schemas by which it read (see tests/support/stored_items.py).
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from omni.statuses import Policy
from relay.deliver.retries import Attempt
from relay.model.dispatches import Dispatch
from relay.model.items import Parked, QueueItem, Reason
from relay.model.receipts import Receipt
from tests.support.fakes import World
from tests.support.stored_items import AT, ONE, TWO, deliver_all, route, stored, written

Json = dict[str, Any]
RELEASES = {path.stem: json.loads(path.read_text("utf-8")) for path in Path(__file__).parent.glob("items/*.json")}
TODAY = stored()


def of_each_release(kind: str) -> list[Any]:
    return [
        pytest.param(item, id=f"{version}-{name}")
        for version, release in RELEASES.items()
        for name, item in release[kind].items()
    ]


@pytest.fixture
def world() -> World:
    """Has the route by which the stored items were made, and a day has passed since."""
    made = World(limit=1)
    made.add_source("ci", {"all": route(ONE, TWO)}, delivery="queued")
    made.clock.advance(86_400)
    return made


def phones(world: World) -> set[str]:
    return set(world.omni.accepted.values())


def test_each_release_stored_an_item_of_every_kind():
    for version, release in RELEASES.items():
        for kind, items in TODAY.items():
            if kind == "following" and version == "0.1.0":
                continue  # 0.1.0 followed no message
            assert release[kind].keys() == items.keys(), f"{version}: {kind}"
        assert release["parked"].keys() == set(Reason)


@pytest.mark.parametrize("item", of_each_release("queue"))
def test_what_a_former_version_queued_is_delivered(world: World, item: Json):
    assert world.deliverer.deliver(json.dumps(item), 1) is None
    deliver_all(world)
    assert not world.outbox.parked
    assert phones(world)


def test_a_queued_dispatch_keeps_its_ids(world: World):
    for release in RELEASES.values():
        dispatch = release["queue"]["queued"]["dispatch"]
        world.deliverer.deliver(json.dumps(release["queue"]["queued"]), 1)
        assert world.omni.accepted.keys() == {message["message_id"] for message in dispatch["messages"]}
        assert world.omni.requests[0].bulk_id == dispatch["id"]


def test_the_rest_of_an_event_goes_on_where_the_former_version_stopped(world: World):
    for release in RELEASES.values():
        world.deliverer.deliver(json.dumps(release["queue"]["rest_of_an_event"]), 1)
        deliver_all(world)
        assert phones(world) == {TWO}


@pytest.mark.parametrize("item", of_each_release("parked"))
def test_what_a_former_version_parked_is_replayed_and_delivered(world: World, item: Json):
    parked = Parked.model_validate(item)
    replayed = parked.replayed(world.clock.now())
    if parked.reason is Reason.MALFORMED_ITEM:
        assert replayed is None
        return
    assert replayed
    world.outbox.enqueue(replayed)
    deliver_all(world)
    assert len(world.outbox.parked) == 0
    assert phones(world)


@pytest.mark.parametrize("stored_receipt", of_each_release("receipts"))
def test_a_copy_is_answered_from_the_receipt_of_a_former_version(world: World, stored_receipt: Json):
    record = stored_receipt["record"]
    world.ledger.results["send", stored_receipt["id"]] = record
    receipt, duplicate = world.dispatcher.send(_attempt_of(stored_receipt["id"]))
    assert duplicate
    assert not world.omni.requests
    assert (receipt.parked, receipt.requeued) == (record["parked"], record["requeued"])
    answered = [(m["messageId"], m["status"]["name"]) for m in receipt.answer()]
    assert answered == _messages_of(record)


def test_a_message_that_a_former_version_sent_after_all_is_not_sent_again_by_a_replay(world: World):
    for release in RELEASES.values():
        sent = release["receipts"]["sent"]
        replayed = QueueItem.model_validate(release["queue"]["replayed_dispatch"])
        assert replayed.dispatch
        [(message_id, _)] = _messages_of(sent["record"])
        [message] = replayed.dispatch.messages
        again = replayed.dispatch.model_copy(
            update={"former": (sent["id"],), "messages": (message.model_copy(update={"was": message_id}),)}
        )
        world.ledger.results["send", sent["id"]] = sent["record"]
        world.outbox.enqueue(replayed.model_copy(update={"dispatch": again}))
        deliver_all(world)
        assert not world.omni.requests


@pytest.mark.parametrize(
    ("version", "kind", "model", "name"),
    [
        pytest.param(version, kind, model, name, id=f"{version}-{name}")
        for version in RELEASES
        for kind, model in (("queue", "QueueItem"), ("parked", "Parked"))
        for name in TODAY[kind]
    ],
)
def test_former_versions_can_read_what_this_one_stores(version: str, kind: str, model: str, name: str):
    schema = RELEASES[version]["schemas"][model]
    jsonschema.validate(TODAY[kind][name], schema)


def test_former_versions_read_a_dispatch_that_is_watched_over():
    for release in RELEASES.values():
        jsonschema.validate(TODAY["following"]["watched"], release["schemas"]["QueueItem"])


@pytest.mark.parametrize("name", ["watch", "record"])
def test_what_0_1_0_parked_because_it_could_not_read_it_is_put_back_by_a_replay(world: World, name: str):
    raw = json.dumps(TODAY["following"][name])
    times = {"first_attempt_at": AT, "last_attempt_at": AT}
    parked = Parked(reason=Reason.MALFORMED_ITEM, detail="none of ours", source="", raw=raw, attempts=1, **times)
    replayed = parked.replayed(world.clock.now())
    assert replayed
    assert world.deliverer.deliver(json.dumps(written(replayed)), 1) is None
    deliver_all(world)
    assert phones(world) == ({TWO} if name == "watch" else set())
    assert len(world.records.records) == 1


def test_this_version_reads_its_own_receipts():
    for receipt in TODAY["receipts"].values():
        assert Receipt.model_validate(receipt["record"]).model_dump(mode="json") == receipt["record"]
    assert Receipt.model_validate(TODAY["receipts"]["sent"]["record"]).ids(Policy.ACCEPTED)


def _attempt_of(dispatch_id: str) -> Attempt:
    dispatch = Dispatch.model_validate(TODAY["queue"]["queued"]["dispatch"]).model_copy(update={"id": dispatch_id})
    return Attempt(dispatch, number=2, first_at=AT, started=AT)


def _messages_of(record: Json) -> list[tuple[str, str]]:
    """The ids and status names of a stored receipt, in the form of 0.1.0 or in today's."""
    if "receipt" in record:
        messages = (record["receipt"] or {}).get("messages", [])
        return [(m["message"]["message_id"], m["status"]["name"]) for m in messages]
    return [(message_id, status["name"]) for message_id, status in record["statuses"].items()]
