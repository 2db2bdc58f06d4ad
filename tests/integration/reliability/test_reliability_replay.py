"""The operator's command replays parked items through real queues. Each is sent once after the fix.

An item that is still broken stays parked, and an item that wasn't selected isn't touched.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli.replaying import DeadLetters, Selection, Tally
from cli.replaying import replay as dry
from relay.model.dispatches import Content, Dispatch, Message
from relay.model.items import QueueItem, Reason
from sandbox.running import announced
from sandbox.stack.cloud import CREDENTIALS
from sandbox.stack.settings import PROJECT
from sandbox.stack.specs import REGION
from tests.support.relay_stack import BLOCKLISTED, PHONE, Relay, Sent

Wait = Callable[..., Any]
MENDED = {"when": "body.broken", "scenario": "incident", "to": [{"phone": f"+{PHONE}"}], "text": "mended {{ id }}"}
DIES_BETWEEN_QUEUEING_AND_DELETING = """
import os, signal, sys, cli.app, cli.replaying, cli.target
cli.replaying.HELD_SECONDS = 1
client = cli.target.Target.client
def fragile(target, service):
    made = client(target, service)
    made.delete_message = lambda **_: os.kill(os.getpid(), signal.SIGKILL)
    return made
cli.target.Target.client = fragile
sys.exit(cli.app.main(sys.argv[1:]))
"""


def replay(relay: Relay, *options: str, code: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m cli replay` against the stack's queues."""
    queue, letters = relay.stack.queue_url("Queue"), relay.stack.queue_url("DeadLetterQueue")
    urls = ("--queue-url", queue, "--dead-letter-queue-url", letters)
    environment = CREDENTIALS | {"AWS_ENDPOINT_URL": relay.stack.aws_url, "AWS_DEFAULT_REGION": REGION}
    return subprocess.run(
        [sys.executable, *(("-c", code) if code else ("-m", "cli")), "replay", *urls, *options],
        env={"PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}", "PATH": os.environ["PATH"], **environment, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def tally(run: subprocess.CompletedProcess[str]) -> tuple[int, int]:
    assert run.returncode == 0, run.stderr
    found = re.search(r"(\d+) (?:would be )?replayed, (\d+) left", run.stdout)
    assert found, run.stdout
    return int(found[1]), int(found[2])


def a_broken_event(relay: Relay, source: str = "direct") -> Sent:
    event = relay.event(source=source, broken=True)
    assert relay.post(event).outcome == "parked"
    return event


@pytest.fixture
def mend(relay: Relay) -> Any:
    """Gives a function that fixes the broken route of `direct`. The route is broken again after the test."""
    name = "sources/direct/routes/broken"
    broken = relay.stack.settings.config["sources"]["direct"]["routes"]["broken"]

    def change(rule: Any) -> None:
        relay.configure(name, json.dumps(rule).replace("{{", "{\\u007b"))  # SSM refuses values with `{{`
        relay.stack.replace_processes("DeliveryFunction")

    yield lambda: change(MENDED)
    change(broken)
    relay.stack.replace_processes("WebhookFunction")


def test_after_a_fix_of_the_template_a_replay_sends_the_event_once(relay: Relay, eventually: Wait, mend: Any) -> None:
    event = a_broken_event(relay)
    assert len(relay.messages(event)) == 1  # from the other route
    mend()
    assert tally(replay(relay)) == (1, 0)
    eventually(lambda: relay.waiting() == 0)
    texts = [message["text"] for message in relay.messages()]
    assert sorted(texts) == sorted([event.text, f"mended {event.id}"])
    assert relay.waiting("DeadLetterQueue") == 0


def test_a_replay_of_an_event_that_is_still_broken_ends_and_leaves_it_parked(relay: Relay, eventually: Wait) -> None:
    event = a_broken_event(relay)
    assert tally(replay(relay)) == (1, 1)
    eventually(lambda: relay.waiting() == 0)
    [parked] = relay.parked()
    assert parked.event
    assert (parked.reason, parked.event.id) == (Reason.ROUTE_INVALID, event.id)
    assert len(relay.messages()) == 1


def test_a_dry_run_changes_nothing(relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = a_broken_event(relay)
    before = relay.parked()
    file = str(tmp_path / "run.json")
    monkeypatch.setenv("RUN_FILE", file)
    with announced(relay.stack):
        run = replay(relay, "--dry-run", "--local", RUN_FILE=file)
    assert tally(run) == (1, 0)
    assert "route broken: text" in run.stdout
    assert f"would go back: direct {event.id}: 1 event\n  route_invalid: route broken" in run.stdout
    assert relay.parked() == before
    assert relay.waiting() == 0


def test_a_replay_takes_only_the_selected_items(relay: Relay) -> None:
    a_broken_event(relay, "direct")
    a_broken_event(relay, "queued")
    relay.post(relay.event(BLOCKLISTED))
    queue, dead_letters = relay.stack.queue_url("Queue"), relay.stack.queue_url("DeadLetterQueue")
    # The local SQS is one server, so it needs no long polling.
    letters = DeadLetters(relay.stack.client("sqs"), queue, dead_letters, wait_seconds=0)
    for selection, count in (
        (Selection(source="direct"), 2),
        (Selection(source="nobody"), 0),
        (Selection(reason=Reason.ROUTE_INVALID), 2),
        (Selection(reason=Reason.MESSAGES_REJECTED, source="direct"), 1),
    ):
        assert dry(letters, selection, dry_run=True, show=lambda *_: None) == Tally(count, 3 - count)


def test_messages_that_omni_refused_are_replayed_under_new_ids(relay: Relay, eventually: Wait) -> None:
    relay.post(relay.event(BLOCKLISTED))
    [first] = relay.parked()
    assert tally(replay(relay, "--reason", "messages_rejected"))[0] == 1
    [second] = eventually(relay.parked)
    assert first.dispatch
    assert second.dispatch
    assert first.dispatch.content == second.dispatch.content
    assert first.dispatch.id != second.dispatch.id
    assert not {m.message_id for m in first.dispatch.messages} & {m.message_id for m in second.dispatch.messages}
    assert relay.sends == 2


def test_a_replay_sends_a_refused_request_once_when_omni_takes_it(relay: Relay, eventually: Wait) -> None:
    event = relay.event()
    relay.omni_fails({"kind": "status", "status": 400})
    assert relay.post(event).outcome == "parked"
    assert tally(replay(relay, "--reason", "request_refused")) == (1, 0)
    eventually(lambda: relay.waiting() == 0)
    assert len(relay.messages(event)) == 1
    assert relay.waiting("DeadLetterQueue") == 0


def test_a_replay_that_is_killed_midway_and_run_again_sends_nothing_twice(relay: Relay, eventually: Wait) -> None:
    events = [relay.event() for _ in range(3)]
    relay.omni_fails({"kind": "status", "status": 400, "count": 3})
    for event in events:
        relay.post(event)
    killed = replay(relay, code=DIES_BETWEEN_QUEUEING_AND_DELETING)
    assert killed.returncode == -9, killed.stderr
    assert relay.waiting("DeadLetterQueue") == 3  # one of them is also queued
    eventually(lambda: relay.visible("DeadLetterQueue") == 3)
    assert tally(replay(relay)) == (3, 0)
    eventually(lambda: relay.waiting() == 0)
    assert [len(relay.messages(event)) for event in events] == [1, 1, 1]
    assert relay.sends == 3 + 3


def test_an_event_repeated_by_its_sender_during_the_replay_is_sent_once(
    relay: Relay, eventually: Wait, mend: Any
) -> None:
    event = a_broken_event(relay)
    mend()
    assert tally(replay(relay)) == (1, 0)
    for _ in range(5):
        assert relay.post(event).status in {200, 202, 409}
    eventually(lambda: relay.waiting() == 0)
    texts = [message["text"] for message in relay.messages()]
    assert sorted(texts) == sorted([event.text, f"mended {event.id}"])


def a_queued(number: int) -> str:
    message = Message(message_id=uuid4().hex, phone=PHONE)
    content = Content(scenario="incident", text=f"number {number}")
    dispatch = Dispatch(
        id=uuid4().hex, event_id="e", source="queued", route="all", content=content, messages=(message,)
    )
    return QueueItem(dispatch=dispatch, first_attempt_at=datetime.now(UTC)).model_dump_json(by_alias=True)


POISONS = {"text": "not ours", "no item": "{}", "half a dispatch": '{"dispatch": {"id": 1}}', "deep": "[" * 5000}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
def test_a_poison_item_is_parked_and_the_others_of_its_batch_are_delivered(
    relay: Relay, eventually: Wait, poison: str
) -> None:
    relay.enqueue(a_queued(1), poison, a_queued(2), a_queued(3), a_queued(4))
    eventually(lambda: relay.waiting() == 0)
    assert sorted(message["text"] for message in relay.messages()) == [f"number {n}" for n in (1, 2, 3, 4)]
    [parked] = relay.parked()
    assert (parked.reason, parked.raw) == (Reason.MALFORMED_ITEM, poison)
    assert parked.replayed(datetime.now(UTC)) is None
