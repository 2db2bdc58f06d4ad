"""`unless_delivered` over real sockets: OMNI's sandbox, and the queue and the ledger in moto."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from aws.circuit import Circuit
from aws.configuration import OmniAccount
from aws.ledger import DynamoDbLedger
from aws.outbox import SqsOutbox
from aws.records import DynamoDbRecords
from handlers.guarded_omni import DOWN, GuardedOmni
from omni.models import Log
from relay.follow.reports import Listener, heard_of
from relay.model.events import Event
from sandbox.omni_api.server import serving
from sandbox.omni_api.settings import SandboxSettings
from tests.support.fakes import World

SILENT, FAILING, DELIVERED = "41790001000", "41790002000", "41790003000"
SECOND, THIRD = "41793026731", "41793026735"
PATIENCE_SECONDS = 20
AWS: dict[str, Any] = {"region_name": "eu-central-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}


class Account:
    def __init__(self, url: str) -> None:
        self.url = url

    def account(self) -> OmniAccount:
        return OmniAccount(self.url, "App sandbox-api-key")


class RealWorld:
    """A relay whose queue, ledger and OMNI are reached over sockets."""

    def __init__(self, aws: str, sandbox: str) -> None:
        self.sqs = boto3.client("sqs", endpoint_url=aws, **AWS)
        dynamodb = boto3.client("dynamodb", endpoint_url=aws, **AWS)
        for table, key in (("escalation", "id"), ("records", "message_id")):
            dynamodb.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self.queue, parked = (self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("queue", "parked"))
        ledger = DynamoDbLedger(dynamodb, "escalation", 3600)
        ledger.register(_context())
        circuit = Circuit("circuit#omni", dynamodb, "escalation", failures=DOWN, on_transition=lambda _: None)
        self.omni = omni = GuardedOmni(Account(sandbox), circuit)
        records = DynamoDbRecords(dynamodb, "records", 3600)
        self.fakes = World()
        parts: dict[str, Any] = {
            "ledger": ledger,
            "outbox": SqsOutbox(self.sqs, self.queue, parked),
            "now": lambda: datetime.now(UTC),
        }
        recorder = replace(self.fakes.dispatcher.recorder, records=records, outbox=parts["outbox"], now=parts["now"])
        dispatcher = replace(self.fakes.dispatcher, omni=omni, recorder=recorder, **parts)
        self.relayer = replace(self.fakes.relayer, dispatcher=dispatcher, **parts)
        time = dispatcher.call_time
        escalator = replace(self.fakes.escalator, omni=omni, records=records, call_seconds=time, **parts)
        working: dict[str, Any] = {
            "relayer": self.relayer,
            "dispatcher": dispatcher,
            "escalator": escalator,
            "records": records,
        }
        self.deliverer = replace(self.fakes.deliverer, **working, **parts)
        others: dict[str, Any] = {"bus": self.fakes.bus, "telemetry": self.fakes.telemetry}
        self.listener = Listener(
            records=records, outbox=parts["outbox"], now=parts["now"], remaining=lambda: 60.0, **others
        )

    def relay(self, identity: str, *phones: str, steps: Any) -> None:
        to = [{"phone": f"+{phone}"} for phone in phones]
        rule = {"scenario": "incident", "to": to, "text": "disk is full", "unless_delivered": steps}
        source = self.fakes.add_source("ci", {"all": rule})
        event = Event(source="ci", id=identity, headers={}, body={}, received_at=datetime.now(UTC))
        self.relayer.relay(event, source)

    def work(self) -> None:
        """Does what DeliveryFunction does with the messages that are visible now."""
        answer = self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["ApproximateReceiveCount"]
        )
        for message in answer.get("Messages", []):
            handle = {"QueueUrl": self.queue, "ReceiptHandle": message["ReceiptHandle"]}
            again = self.deliverer.deliver(message["Body"], int(message["Attributes"]["ApproximateReceiveCount"]))
            if again is None:
                self.sqs.delete_message(**handle)
            else:
                self.sqs.change_message_visibility(**handle, VisibilityTimeout=again)

    def work_until(self, watches_ended: int, messages_sent: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.lines("watch_ended")) < watches_ended or len(self.fakes.telemetry.statuses) < messages_sent:
            assert time.monotonic() < deadline, "not in time"
            self.work()

    def logs(self, message_id: str) -> Sequence[Log]:
        return self.omni.logs(message_ids=[message_id], deadline=5)

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [fields for _, line, fields in self.fakes.telemetry.lines if line == name]

    @property
    def reached(self) -> list[str]:
        """The last digits of the phones that OMNI took a message for, in order."""
        statuses = self.fakes.telemetry.statuses
        assert {line["outcome"] for line in statuses} == {"sent"}
        return [line["to"]["phone"][-2:] for line in statuses]


def _context() -> LambdaContext:
    made = LambdaContext()
    vars(made)["get_remaining_time_in_millis"] = lambda: 60_000
    return made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serving(SandboxSettings(scenario_keys={"incident": "KEY-incident"})) as base:
        yield base


@pytest.fixture
def world(moto_endpoint: str, sandbox: str) -> RealWorld:
    return RealWorld(moto_endpoint, sandbox)


def test_the_silent_and_the_failed_message_go_on_and_the_delivered_one_never_does(world: RealWorld) -> None:
    step = {"within": "2s", "to": [{"phone": f"+{SECOND}"}], "text": "Nobody has it yet"}
    world.relay("e1", SILENT, FAILING, DELIVERED, steps=step)
    world.work_until(watches_ended=1, messages_sent=5)
    [watched] = world.lines("watch_ended")
    assert (watched["delivered"], watched["undelivered"]) == (1, 2)
    assert sorted(line["state"] for line in world.lines("escalated")) == ["sent", "undelivered"]
    assert world.reached[3:] == [SECOND[-2:]] * 2


def test_two_steps_are_tried_in_order(world: RealWorld) -> None:
    steps = [{"within": "1s", "to": [{"phone": f"+{FAILING}"}]}, {"within": "2s", "to": [{"phone": f"+{THIRD}"}]}]
    world.relay("e2", SILENT, steps=steps)
    world.work_until(watches_ended=2, messages_sent=3)
    assert [line["state"] for line in world.lines("escalated")] == ["sent", "undelivered"]
    assert world.reached == [SILENT[-2:], FAILING[-2:], THIRD[-2:]]


def test_a_report_that_every_channel_failed_goes_on_at_once_and_only_once(world: RealWorld) -> None:
    world.relay("e3", FAILING, steps={"within": "1h", "to": [{"phone": f"+{SECOND}"}]})
    [sent] = world.fakes.telemetry.statuses
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (ended := [one for one in map(heard_of, world.logs(sent["message_id"])) if one and one.state]):
        assert time.monotonic() < deadline, "not in time"
    for _ in range(3):  # OMNI repeats its report
        world.listener.hear(ended)
    world.work_until(watches_ended=1, messages_sent=2)
    assert [line["state"] for line in world.lines("escalated")] == ["undelivered"]
    assert world.reached == [FAILING[-2:], SECOND[-2:]]
