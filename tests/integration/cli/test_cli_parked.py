"""`omni-relay parked` and `replay` as processes, with moto alone as AWS."""

import json
import shlex
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from relay.model.dispatches import Content, Dispatch, Message, Step
from relay.model.events import Event
from relay.model.items import Parked, QueueItem, Reason, Watch
from relay.model.records import Record, State
from tests.integration.cli.conftest import Command
from tests.integration.cli.test_cli_operations import shown
from tests.support.fakes import BLOCKLISTED
from tests.support.moto_stack import OUTPUTS

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PHONE, MASKED = "41793026727", "4179*****27"
SETTINGS = {"verify": "bearer", "id": "body.id"}
ROUTE = {"scenario": "incident", "to": [{"phone": f"+{PHONE}"}], "text": "{{ body.project }} failed"}
CONTENT = Content(scenario="incident", text="hi")
DISPATCH = Dispatch(
    id="d1",
    event_id="e1",
    source="ci",
    route="all",
    content=CONTENT,
    messages=(Message(message_id="m1", phone=PHONE, email="ops@example.com"),),
)
EVENT = Event(source="ci", id="e2", headers={}, body={"id": "e2", "project": "shop"}, received_at=AT)
STEP = Step.model_validate({"within": 60, "to": [{"phone": PHONE}], "content": CONTENT})
WATCH = Watch(event_id="e3", source="ci", route="all", message_ids=("m3",), steps=(STEP,))
RECORD = Record(
    message_id="m4",
    event_id="e4",
    source="ci",
    route="all",
    scenario="incident",
    dispatch_id="d4",
    to={"phone": MASKED},
    attempt=1,
    at=AT,
    state=State.SENT,
)


class Account:
    """The queues and parameters of the stack."""

    def __init__(self) -> None:
        self._sqs: Any = boto3.client("sqs")
        self._ssm: Any = boto3.client("ssm")
        outputs = boto3.client("cloudformation").describe_stacks(StackName="omni-relay")["Stacks"][0]["Outputs"]
        urls = {one["OutputKey"]: one["OutputValue"] for one in outputs}
        assert urls.keys() == OUTPUTS.keys()
        self._queue, self._letters = urls["QueueUrl"], urls["DeadLetterQueueUrl"]

    def park(self, body: Any) -> None:
        text = body if isinstance(body, str) else body.model_dump_json(by_alias=True, exclude_none=True)
        self._sqs.send_message(QueueUrl=self._letters, MessageBody=text)

    def queued(self) -> list[QueueItem]:
        answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        return [QueueItem.model_validate_json(message["Body"]) for message in answer.get("Messages", [])]

    def configure(self, **more: str) -> None:
        texts = {"source-names/1": "ci", "scenarios/incident": "AD9E", **more}
        texts |= {"sources/ci/settings": json.dumps(SETTINGS), "sources/ci/routes/all": json.dumps(ROUTE)}
        for name, value in texts.items():
            self._ssm.put_parameter(Name=f"/omni-relay/dev/{name}", Value=value, Type="String")


@pytest.fixture
def aws(account: Mapping[str, str]) -> Account:
    del account
    return Account()


def parked(reason: Reason, detail: str = "…", **what: Any) -> Parked:
    times = {"attempts": 7, "first_attempt_at": AT, "last_attempt_at": AT.replace(day=2)}
    return Parked(reason=reason, detail=detail, source="ci", **times, **what)


REJECTED = parked(Reason.MESSAGES_REJECTED, f"blocklisted: +{PHONE}", dispatch=DISPATCH)
MISROUTED = parked(Reason.ROUTE_INVALID, "route all: text: line 1", event=EVENT)
WATCHED = QueueItem(watch=WATCH, first_attempt_at=AT)
UNWATCHED = parked(Reason.ATTEMPTS_EXHAUSTED, raw=WATCHED.model_dump_json(by_alias=True, exclude_none=True))
UNRECORDED = QueueItem(records=(RECORD,), first_attempt_at=AT)
EVERYTHING = (REJECTED, MISROUTED, UNWATCHED, UNRECORDED, "not ours")


def test_parked_lists_each_item_under_its_reason_with_the_cure(omni_relay: Command, aws: Account) -> None:
    for item in EVERYTHING:
        aws.park(item)
    run = omni_relay("parked")
    assert run.code == 0, run.err
    lines = run.out.splitlines()
    rejected = lines.index(
        "messages_rejected: detail has OMNI's statuses. Remove what blocks the recipient, or leave the item parked"
    )
    assert lines[rejected + 1 : rejected + 4] == [
        "  ci e1, route all: 1 message",
        f"    message m1 to {MASKED} and o***@example.com",
        f"    blocklisted: +{MASKED} (7 attempts, 2026-03-01 12:00 to 2026-03-02 12:00 UTC)",
    ]
    assert "  ci e2: 1 event" in lines
    assert "  ci e3, route all: a watch over 1 message, which starts the next step if one is not delivered" in lines
    assert "  ci e4, route all: records of 1 message, to be written to the table" in lines
    assert "  (unknown source): a queue message that can't be read, 8 characters long" in lines
    assert lines[-1] == "5 parked"
    assert PHONE not in run.out
    assert len(json.loads(omni_relay("parked", "--json").out)) == len(EVERYTHING)


def test_parked_is_data_for_programs_and_can_be_narrowed(omni_relay: Command, aws: Account) -> None:
    for item in EVERYTHING:
        aws.park(item)
    run = omni_relay("parked", "--reason", "messages_rejected", "--source", "ci", "--json")
    [item] = json.loads(run.out)
    assert (item["kind"], item["events"], item["route"], item["attempts"]) == ("dispatch", ["e1"], "all", 7)
    assert item["messages"] == [{"message_id": "m1", "to": {"phone": MASKED, "email": "o***@example.com"}}]
    assert item["cure"].startswith("detail has OMNI's statuses")
    assert PHONE not in run.out
    assert omni_relay("parked", "--source", "github").out == "0 parked, 5 more that you didn't ask for\n"
    assert "expected one of route_invalid" in omni_relay("parked", "--reason", "rejected").err


def test_reasons_stand_out_on_a_terminal_unless_colours_are_off(omni_relay: Command, aws: Account) -> None:
    aws.park(REJECTED)
    assert "\x1b[1;31mmessages_rejected" in omni_relay.on_terminal("parked").out
    assert "\x1b[1;31m" not in omni_relay.on_terminal("parked", NO_COLOR="1").out


@pytest.mark.parametrize(
    ("option", "identity", "held"),
    [
        ("--event", "e1", lambda item: item.dispatch.event_id == "e1"),
        ("--event", "e2", lambda item: item.event.id == "e2"),
        ("--event", "e3", lambda item: item.watch == WATCH),
        ("--message", "m1", lambda item: item.dispatch.messages[0].was == "m1"),
        ("--message", "m3", lambda item: item.watch == WATCH),
        ("--message", "m4", lambda item: item.records == (RECORD,)),
    ],
)
def test_one_goes_back_and_the_others_stay(
    omni_relay: Command, aws: Account, option: str, identity: str, held: Callable[[QueueItem], bool]
) -> None:
    for item in EVERYTHING:
        aws.park(item)
    run = omni_relay("replay", option, identity)
    assert run.code == 0, run.err
    [item] = aws.queued()
    assert held(item)
    assert run.out.count("goes back: ") == 1
    assert run.out.endswith("1 replayed, 4 left\n")
    assert omni_relay("parked").out.endswith("4 parked\n")


def test_a_replay_of_all_names_each_item_once(omni_relay: Command, aws: Account) -> None:
    for item in EVERYTHING:
        aws.park(item)
    run = omni_relay("replay")
    assert [run.out.count(f"goes back: ci e{number}") for number in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert run.out.count("stays, because nothing in it can go back: (unknown source)") == 1
    assert run.out.endswith("4 replayed, 1 left\n")
    assert len(aws.queued()) == 4


def test_what_was_not_chosen_is_counted_by_reason_and_source(omni_relay: Command, aws: Account) -> None:
    for item in (REJECTED, MISROUTED, MISROUTED):
        aws.park(item)
    run = omni_relay("replay", "--reason", "messages_rejected")
    assert "stays, not chosen: 2 with route_invalid of ci\n1 replayed, 2 left\n" in run.out


def test_an_id_that_nothing_has_is_a_mistake(omni_relay: Command, aws: Account) -> None:
    aws.park(REJECTED)
    run = omni_relay("replay", "--message", "m9")
    assert run.code == 2
    assert "nothing that is parked has this id; omni-relay parked lists what is there" in run.err
    assert aws.queued() == []


def test_a_dry_run_says_what_would_be_sent_by_the_routes_of_today(omni_relay: Command, aws: Account) -> None:
    aws.configure()
    for item in EVERYTHING:
        aws.park(item)
    run = omni_relay("replay", "--dry-run")
    assert run.code == 0, run.err
    to = f"+{PHONE} by incident, every channel (1 SMS)"
    assert f"  → route all: +{PHONE} and ops@example.com by incident, every channel (1 SMS): hi\n" in run.out
    assert "would go back: ci e2: 1 event\n  route_invalid: route all: text: line 1 (7 attempts, " in run.out
    assert f"  → route all: {to}: shop failed\n" in run.out
    assert f"  → route all: {to}: unless m3 is delivered: hi\n" in run.out
    assert "  → route all: nobody: the record of message m4 is written\n" in run.out
    assert run.out.endswith("4 would be replayed, 1 left\n")
    assert aws.queued() == []
    assert omni_relay("parked").out.endswith("5 parked\n")


def test_a_dry_run_names_what_would_be_parked_again(omni_relay: Command, aws: Account) -> None:
    aws.park(MISROUTED)
    run = omni_relay("replay", "--dry-run", "--json")
    [item] = json.loads(run.out)["items"]
    assert item["would"][0]["text"].startswith("parked again: there is no source ci")
    assert item["would"][0]["fails"]


def test_a_mute_of_today_stops_no_event_that_was_parked_before(omni_relay: Command, aws: Account) -> None:
    aws.configure(**{"sources/ci/muted": "2099-01-01T00:00:00Z", "sources/ci/muted/all": "2099-01-01T00:00:00Z"})
    aws.park(MISROUTED)
    assert "shop failed" in omni_relay("replay", "--dry-run").out


def test_the_page_shows_what_is_parked_and_its_way_back(omni_relay: Command, aws: Account) -> None:
    aws.configure()
    once = {"attempts": 1, "first_attempt_at": AT, "last_attempt_at": AT}
    what = {
        "event": EVENT.model_copy(update={"id": "4711"}),
        "detail": "route all: text: line 1: 'projekt' is undefined",
    }
    aws.park(MISROUTED.model_copy(update=what | once))
    messages = (Message(message_id="87716419-92ac-5a0e-8f0c-5f0b1f0f7a53", phone=PHONE),)
    refused = DISPATCH.model_copy(update={"event_id": "4702", "messages": messages})
    aws.park(REJECTED.model_copy(update={"detail": BLOCKLISTED["name"], "dispatch": refused, **once}))
    commands = list(shown("What is parked, and why? Put one back"))
    assert [command.partition(" ")[0] for command, _ in commands] == ["parked", "replay", "replay"]
    for command, lines in commands:
        run = omni_relay(*shlex.split(command))
        assert run.out.splitlines() == lines, (run.out, run.err)


def test_explain_finds_what_aws_moved_here_by_the_id_of_its_message(omni_relay: Command, aws: Account) -> None:
    aws.configure()
    aws.park(QueueItem(dispatch=DISPATCH, first_attempt_at=AT))
    run = omni_relay("explain", "m1", "--deployed")
    assert run.code == 0, run.err
    assert f"to +{PHONE} and ops@example.com, by incident" in run.out
