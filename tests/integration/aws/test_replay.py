"""The replay over a real SQS puts back items that we parked, and items that AWS moved to the dead letters."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from cli.replaying import DeadLetters, Fate, Selection, replay
from relay.model.dispatches import Content, Dispatch, Message
from relay.model.items import Parked, QueueItem, Reason

ANY = Selection()
NOTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "weekly"}
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
DISPATCH = Dispatch(
    id="d1",
    event_id="e1",
    source="ci",
    route="all",
    content=Content(scenario="incident", text="hi"),
    messages=(Message(message_id="m1", phone="41793026727"),),
)


# A queue item of another version must not pass as a schedule's {"source", "event"}, because its messages would be sent
# again.
UNREADABLE = json.dumps(
    {
        "reason": "route_invalid",
        "detail": "…",
        "source": "ci",
        "event": {"id": 1},
        "firstAttemptAt": "2026-01-01T00:00:00Z",
    }
)


@pytest.fixture
def letters(moto_endpoint):
    client = boto3.client(
        "sqs",
        endpoint_url=moto_endpoint,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    queue, dead_letters = (client.create_queue(QueueName=name)["QueueUrl"] for name in ("queue", "dead-letters"))
    return DeadLetters(client, queue, dead_letters, wait_seconds=0)


def park(letters, body):
    body = body if isinstance(body, str) else json.dumps(body)
    letters.client.send_message(QueueUrl=letters.dead_letter_queue_url, MessageBody=body)


def an_item(reason=Reason.ATTEMPTS_EXHAUSTED, source="ci"):
    dispatch = DISPATCH.model_copy(update={"source": source, "id": f"{source}-{reason}"})
    facts = {"attempts": 7, "first_attempt_at": LONG_AGO, "last_attempt_at": LONG_AGO}
    parked = Parked(reason=reason, detail="…", source=source, dispatch=dispatch, **facts)
    return parked.model_dump_json(by_alias=True)


def run(letters, selection=ANY, dry_run=False):
    shown = []

    def show(entry, fate):
        shown.append((entry.parked, fate is Fate.GOES))

    return replay(letters, selection, dry_run=dry_run, show=show), shown


def queued(letters):
    messages = letters.client.receive_message(QueueUrl=letters.queue_url, MaxNumberOfMessages=10).get("Messages", [])
    return [QueueItem.model_validate_json(message["Body"]) for message in messages]


def test_a_dry_run_shows_everything_and_moves_nothing(letters):
    park(letters, an_item())
    tally, [(parked, goes)] = run(letters, dry_run=True)
    assert (tally.replayed, tally.left, goes, parked.attempts) == (1, 0, True, 7)
    assert queued(letters) == []
    assert run(letters)[0].replayed == 1


def test_only_what_the_selection_takes_goes_back(letters):
    park(letters, an_item(source="github"))
    park(letters, an_item(source="stripe"))
    park(letters, an_item(reason=Reason.ACCOUNT_BLOCKED, source="stripe"))
    tally, _ = run(letters, Selection(source="stripe", reason=Reason.ACCOUNT_BLOCKED))
    assert (tally.replayed, tally.left) == (1, 2)
    assert [item.dispatch.source for item in queued(letters)] == ["stripe"]
    assert run(letters)[0].replayed == 2


def test_an_item_that_sqs_moved_goes_back_as_a_new_one(letters):
    item = QueueItem(dispatch=DISPATCH, attempts=3, first_attempt_at=LONG_AGO)
    park(letters, item.model_dump_json(by_alias=True))
    _, [(parked, _)] = run(letters)
    assert (parked.reason, parked.source, parked.first_attempt_at) == (Reason.ATTEMPTS_EXHAUSTED, "ci", LONG_AGO)
    [back] = queued(letters)
    assert (back.dispatch, back.attempts) == (DISPATCH, 0)
    assert back.first_attempt_at > LONG_AGO


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (NOTE | {"id": "execution-1"}, ["execution-1"]),
        ({"requestContext": {"requestId": "r1"}, "requestPayload": [NOTE, NOTE], "version": "1.0"}, ["r1/0", "r1/1"]),
        ({"requestContext": {"requestId": "r1"}, "requestPayload": {"source": "ci", "event": {"a": 1}}}, ["r1"]),
    ],
    ids=["a schedule's input", "Lambda's record of a firing", "of an event for routes"],
)
def test_a_firing_that_never_got_through_goes_back_as_its_events(letters, body, ids):
    park(letters, body)
    assert run(letters)[0].replayed == 1
    assert [item.event.id for item in queued(letters)] == ids


@pytest.mark.parametrize("body", ["", "not json", "[]", "null", '{"requestPayload": 1}', '{"to": []}', UNREADABLE])
def test_an_unreadable_item_stays_and_its_reason_says_so(letters, body):
    park(letters, body or " ")
    tally, [(parked, goes)] = run(letters)
    assert (tally.left, goes, parked.reason) == (1, False, Reason.MALFORMED_ITEM)
    assert len(letters) == 1


class Repeating:
    """A queue that answers each receive with the messages of these numbers."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def receive_message(self, **_):
        numbers = self.answers.pop(0) if self.answers else ()
        attributes = {"SentTimestamp": "1000", "ApproximateReceiveCount": "1"}
        common = {"ReceiptHandle": "handle", "Body": an_item(), "Attributes": attributes}
        return {"Messages": [{"MessageId": str(number), **common} for number in numbers]}


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([range(10), range(10), range(10, 20), range(10), range(10, 20), range(20, 25)], 25),
        ([range(10), (), range(10, 12), (), (), range(12, 20)], 12),
        ([range(10)] * 100, 10),
    ],
    ids=["what was held too briefly comes first again", "twice nothing is the end", "nothing new is the end"],
)
def test_each_item_of_a_queue_is_read_once(answers, found):
    client: Any = Repeating(*answers)
    letters = DeadLetters(client, "queue", "dead-letters")
    assert [int(entry.message_id) for entry in letters.entries()] == list(range(found))
