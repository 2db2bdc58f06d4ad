"""The table of records over real sockets, with the indexes of template.yaml."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from botocore.exceptions import ConnectionError as Unreachable

from aws.records import INDEXES, DynamoDbRecords
from aws.rest import REST_SECONDS
from relay.message.recipients import Recipient
from relay.model.dispatches import Content, Step
from relay.model.records import Record, Report, State
from relay.ports import RecordsUnavailable
from sandbox.stack.cloud import client as cloud_client
from sandbox.stack.cloud import create_tables
from sandbox.stack.sam_template import read_template
from sandbox.stack.settings import PROJECT

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPORT = Report(channel="SMS", status={"groupId": 3, "name": "DELIVERED_TO_HANDSET"}, done_at=AT)
NEXT = Step(within=60, to=(Recipient(phone="41793026731"),), content=Content(scenario="incident", text="Wake up"))


@pytest.fixture
def client(moto_endpoint: str) -> Any:
    template = read_template(PROJECT / "template.yaml", cloud_url=moto_endpoint)
    create_tables(moto_endpoint, [template.tables["RecordsTable"]])
    return cloud_client("dynamodb", moto_endpoint)


@pytest.fixture
def table(moto_endpoint: str) -> str:
    return read_template(PROJECT / "template.yaml", cloud_url=moto_endpoint).tables["RecordsTable"].name


@pytest.fixture
def records(client: Any, table: str) -> DynamoDbRecords:
    return DynamoDbRecords(client, table, 30 * 86_400, clock=(AT + timedelta(hours=1)).timestamp)


def record(message_id: str = "m1", **changes: Any) -> Record:
    made = Record(
        message_id=message_id,
        event_id="e1",
        source="ci",
        route="all",
        scenario="incident",
        dispatch_id="d1",
        to={"phone": "4179*****27"},
        phone_hash="hash",
        attempt=1,
        at=AT,
        state=State.SENT,
    )
    return made.model_copy(update=changes)


def open_ids(records: DynamoDbRecords, since: datetime = AT - timedelta(days=9)) -> list[str]:
    return [one.message_id for one in records.open(since)]


def test_a_record_is_read_as_it_was_written(records: DynamoDbRecords) -> None:
    records.put([record()])

    assert records.get(["m1", "stranger"]) == {"m1": record()}


@pytest.mark.parametrize("fresh", [True, False])
def test_many_are_written_and_read(records: DynamoDbRecords, fresh: bool) -> None:
    many = [record(f"m{number}") for number in range(120)]
    records.put(many, fresh=fresh)

    assert records.get([one.message_id for one in many]) == {one.message_id: one for one in many}


def test_an_end_is_recorded_once(records: DynamoDbRecords) -> None:
    records.put([record()])

    first = records.end("m1", State.DELIVERED, REPORT, AT)
    second = records.end("m1", State.EXPIRED, None, AT + timedelta(hours=1))

    assert first == second == record(state=State.DELIVERED, report=REPORT, ended_at=AT)
    assert records.end("stranger", State.DELIVERED, REPORT, AT) is None
    assert not records.get(["stranger"])


def test_a_final_state_is_not_written_over(records: DynamoDbRecords) -> None:
    records.put([record()])
    records.end("m1", State.DELIVERED, REPORT, AT)
    records.put([record(at=AT + timedelta(hours=1))])

    assert records.get(["m1"])["m1"].state is State.DELIVERED


def test_a_late_write_does_not_replace_a_newer_record(records: DynamoDbRecords) -> None:
    newer = record(at=AT + timedelta(minutes=1))
    records.put([newer])
    records.put([record(state=State.PARKED)])

    assert records.get(["m1"])["m1"] == newer


def test_a_replayed_message_is_open_again(records: DynamoDbRecords) -> None:
    records.put([record(state=State.PARKED, awaited=False)])
    assert open_ids(records) == []
    records.put([record(at=AT + timedelta(minutes=1))])

    assert open_ids(records) == ["m1"]


def test_a_message_is_open_until_its_end_is_told(records: DynamoDbRecords) -> None:
    records.put([record(), record("parked", state=State.PARKED, awaited=False)], fresh=True)
    assert open_ids(records) == ["m1"]
    for message_id in ("m1", "parked"):
        records.end(message_id, State.DELIVERED, REPORT, AT)
    assert sorted(open_ids(records)) == ["m1", "parked"]

    for message_id in ("m1", "parked", "stranger"):
        records.mark_told(message_id)

    assert open_ids(records) == []
    assert records.get(["m1"])["m1"].told
    assert not records.get(["stranger"])


def test_a_message_that_omni_sends_later_is_not_open_yet(client: Any, table: str) -> None:
    now = AT.timestamp()
    records = DynamoDbRecords(client, table, 60, clock=lambda: now)
    records.put([record(at=AT + timedelta(days=3))])
    assert open_ids(records) == []

    now += 3 * 86_400 + 1
    assert open_ids(records) == ["m1"]


def test_a_parked_message_whose_end_is_awaited_is_open(records: DynamoDbRecords) -> None:
    records.put([record(state=State.PARKED)])

    assert open_ids(records) == ["m1"]


def test_the_steps_are_kept_until_the_end_is_told(records: DynamoDbRecords, client: Any, table: str) -> None:
    records.put([record(unless_delivered=(NEXT,))])
    assert records.get(["m1"])["m1"].unless_delivered == (NEXT,)
    ended = records.end("m1", State.EXPIRED, REPORT, AT)
    assert ended
    assert ended.unless_delivered == (NEXT,)

    records.mark_told("m1")

    assert records.get(["m1"])["m1"].unless_delivered == ()
    [item] = client.scan(TableName=table)["Items"]
    assert "Wake up" not in str(item)
    assert "41793026731" not in str(item)


def test_the_open_ones_come_in_the_order_of_time(records: DynamoDbRecords) -> None:
    records.put([record(f"m{n}", at=AT + timedelta(seconds=n)) for n in range(40)], fresh=True)

    assert open_ids(records, AT + timedelta(seconds=10)) == [f"m{n}" for n in range(10, 40)]


@pytest.mark.parametrize("attribute", [name for name in INDEXES if name != "email_hash"])
def test_each_index_finds_a_message(records: DynamoDbRecords, client: Any, table: str, attribute: str) -> None:
    records.put([record()])

    found = client.query(
        TableName=table,
        IndexName=INDEXES[attribute],
        KeyConditionExpression="#name = :value",
        ExpressionAttributeNames={"#name": attribute},
        ExpressionAttributeValues={":value": {"S": getattr(record(), attribute)}},
    )

    assert [item["message_id"] for item in found["Items"]] == [{"S": "m1"}]


def test_a_record_expires_after_its_days(records: DynamoDbRecords, client: Any, table: str) -> None:
    records.put([record()])

    [item] = client.scan(TableName=table)["Items"]
    assert int(item["expiration"]["N"]) == (AT + timedelta(days=30)).timestamp()


def test_what_a_batch_leaves_undone_is_not_taken_for_written() -> None:
    client = Mock()
    client.batch_write_item.return_value = {"UnprocessedItems": {"table": [{}]}}

    with pytest.raises(RecordsUnavailable):
        DynamoDbRecords(client, "table", 60).put([record(), record("m2")], fresh=True)


def test_a_table_that_failed_is_spared_for_some_seconds() -> None:
    now = 1_000.0
    client = Mock()
    client.put_item.side_effect = Unreachable(error=OSError("refused"))
    records = DynamoDbRecords(client, "table", 60, clock=lambda: now)
    for _ in range(3):
        with pytest.raises(RecordsUnavailable):
            records.put([record()])
    assert client.put_item.call_count == 1

    now += REST_SECONDS
    client.put_item.side_effect = None
    records.put([record()])
    assert client.put_item.call_count == 2


def test_a_record_that_the_table_refuses_does_not_keep_others_waiting() -> None:
    client = Mock()
    client.put_item.side_effect = ClientError({"Error": {"Code": "ValidationException"}}, "PutItem")
    records = DynamoDbRecords(client, "table", 60)
    with pytest.raises(RecordsUnavailable):
        records.put([record()])

    client.put_item.side_effect = None
    records.put([record("m2")])
    assert client.put_item.call_count == 2
