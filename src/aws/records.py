"""The records of messages, in a table of their own with an index for each way to look one up."""

import heapq
import json
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from aws.rest import Rest
from relay.model.records import Record, Report, State
from relay.ports import OpenMessage, RecordsUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

# The index of each attribute by which people look for messages. template.yaml has the same names.
INDEXES = {"event_id": "by-event", "phone_hash": "by-phone", "email_hash": "by-email", "source": "by-source"}
OPEN_INDEX = "open"
SHARDS = 8  # of the index `open`: all writes of one value go to one partition, which takes 1,000 a second
_WRITES, _READS = 25, 100  # the limits of BatchWriteItem and of BatchGetItem
_FAILURES = (ClientError, BotoCoreError)
_REFUSED = "ConditionalCheckFailedException"
# These are attributes of their own, because they change or go. All else is one attribute of JSON.
_CHANGING = {"state", "ended_at", "report", "told", "unless_delivered"}
_NOT_FINAL = "#state IN (:sent, :parked)"
_UNLESS_NEWER = f"attribute_not_exists(message_id) OR ({_NOT_FINAL} AND #at <= :at)"
_NAMES = {"#state": "state", "#at": "at"}
_STATES: Mapping[str, Any] = {":sent": {"S": State.SENT}, ":parked": {"S": State.PARKED}}
_Item = Mapping[str, Any]


class DynamoDbRecords:
    """See `relay.ports.Records`. An item expires `ttl_seconds` after OMNI took its message.

    After a failed write, the next ones fail at once for `aws.rest.REST_SECONDS`.
    """

    def __init__(
        self, client: "DynamoDBClient", table: str, ttl_seconds: int, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._client, self._table, self._ttl = client, table, timedelta(seconds=ttl_seconds)
        self._clock = clock
        self._rest = Rest(clock)

    def put(self, records: Sequence[Record], *, fresh: bool = False) -> None:
        """See `relay.ports.Records`."""
        if self._rest.lasts:
            raise RecordsUnavailable("the table has just failed")
        try:
            if fresh and len(records) > 1:
                for start in range(0, len(records), _WRITES):
                    self._put_batch(records[start : start + _WRITES])
            else:
                for record in records:
                    self._put(record)
        except _FAILURES as problem:
            self._rest.begin(problem)
            raise _unavailable(problem) from None
        except RecordsUnavailable:
            self._rest.begin()
            raise

    def get(self, message_ids: Collection[str]) -> Mapping[str, Record]:
        """See `relay.ports.Records`."""
        ids = list(dict.fromkeys(message_ids))
        found: dict[str, Record] = {}
        for start in range(0, len(ids), _READS):
            for item in self._get_batch(ids[start : start + _READS]):
                record = _record_of(item)
                found[record.message_id] = record
        return found

    def end(self, message_id: str, state: State, report: Report | None, at: datetime) -> Record | None:
        """See `relay.ports.Records`."""
        values = {":state": {"S": state}, ":ended": {"S": _stamp(at)}, ":open": {"S": _shard(message_id)}, **_STATES}
        # A message that was parked isn't open, so it is opened until its end is told.
        change = "SET #state = :state, ended_at = :ended, #open = :open"
        if report:
            change += ", report = :report"
            values[":report"] = {"S": report.model_dump_json(exclude_none=True)}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(message_id),
                UpdateExpression=change,
                ConditionExpression=f"attribute_exists(message_id) AND {_NOT_FINAL}",
                ExpressionAttributeNames={"#state": "state", "#open": "open"},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as problem:
            if _code(problem) != _REFUSED:
                raise _unavailable(problem) from None
            item = problem.response.get("Item")
            return _record_of(item) if isinstance(item, dict) and item else None
        except BotoCoreError as problem:
            raise _unavailable(problem) from None
        return _record_of(answer["Attributes"])

    def mark_told(self, message_id: str) -> None:
        """See `relay.ports.Records`."""
        # The steps hold texts and numbers, and nobody needs them any more.
        change = "SET told = :true REMOVE #open, steps"
        self._update(message_id, change, {"#open": "open"}, {":true": {"BOOL": True}})

    def open(self, since: datetime) -> Iterator[OpenMessage]:
        """See `relay.ports.Records`."""
        yield from heapq.merge(*(self._open(str(shard), since) for shard in range(SHARDS)), key=lambda one: one.at)

    def _open(self, shard: str, since: datetime) -> Iterator[OpenMessage]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=OPEN_INDEX,
            KeyConditionExpression="#open = :open AND #at BETWEEN :since AND :now",
            ExpressionAttributeNames={"#open": "open", "#at": "at"},
            ExpressionAttributeValues={
                ":open": {"S": shard},
                ":since": {"S": _stamp(since)},
                ":now": {"S": _stamp(datetime.fromtimestamp(self._clock(), UTC))},
            },
        )
        try:
            for page in pages:
                for item in page["Items"]:
                    at = datetime.fromisoformat(item["at"]["S"])
                    yield OpenMessage(item["message_id"]["S"], item["dispatch_id"]["S"], at)
        except _FAILURES as problem:
            raise _unavailable(problem) from None

    def _put(self, record: Record) -> None:
        values = {":at": {"S": _stamp(record.at)}, **_STATES}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=self._item(record),
                ConditionExpression=_UNLESS_NEWER,
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues=values,
            )
        except ClientError as problem:
            if _code(problem) != _REFUSED:  # else a newer record or an end is there, as it should be
                raise

    def _put_batch(self, records: Sequence[Record]) -> None:
        requests: list[WriteRequestTypeDef] = [{"PutRequest": {"Item": self._item(record)}} for record in records]
        answer = self._client.batch_write_item(RequestItems={self._table: requests})
        if answer.get("UnprocessedItems"):
            raise RecordsUnavailable("throttled")

    def _get_batch(self, ids: Sequence[str]) -> Iterator[_Item]:
        wanted: Any = {self._table: {"Keys": [_key(message_id) for message_id in ids], "ConsistentRead": True}}
        for _ in range(3):
            try:
                answer = self._client.batch_get_item(RequestItems=wanted)
            except _FAILURES as problem:
                raise _unavailable(problem) from None
            yield from answer["Responses"].get(self._table, ())
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return
        raise RecordsUnavailable("throttled")

    def _update(self, message_id: str, change: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(message_id),
                UpdateExpression=change,
                ConditionExpression="attribute_exists(message_id)",  # it may have expired
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
        except ClientError as problem:
            if _code(problem) != _REFUSED:
                raise _unavailable(problem) from None
        except BotoCoreError as problem:
            raise _unavailable(problem) from None

    def _item(self, record: Record) -> dict[str, Any]:
        known = {name: getattr(record, name) for name in (*INDEXES, "dispatch_id")}
        item: dict[str, Any] = {name: {"S": value} for name, value in known.items() if value}
        item |= _key(record.message_id)
        item |= {"at": {"S": _stamp(record.at)}, "state": {"S": record.state}}
        item["expiration"] = {"N": str(int((record.at + self._ttl).timestamp()))}
        item["record"] = {"S": record.model_dump_json(exclude=_CHANGING, exclude_none=True)}
        if record.unless_delivered:
            item["steps"] = {"S": record.model_dump_json(include={"unless_delivered"}, exclude_none=True)}
        if record.awaited:
            item["open"] = {"S": _shard(record.message_id)}
        return item


def _record_of(item: _Item) -> Record:
    changing: dict[str, Any] = {"state": item["state"]["S"], "told": item.get("told", {}).get("BOOL", False)}
    if "ended_at" in item:
        changing["ended_at"] = item["ended_at"]["S"]
    if "report" in item:
        changing["report"] = json.loads(item["report"]["S"])
    if "steps" in item:
        changing |= json.loads(item["steps"]["S"])
    return Record.model_validate(json.loads(item["record"]["S"]) | changing)


def _key(message_id: str) -> dict[str, Any]:
    return {"message_id": {"S": message_id}}


def _shard(message_id: str) -> str:
    return str(zlib.crc32(message_id.encode()) % SHARDS)


def _stamp(at: datetime) -> str:
    """Returns a text that sorts by time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _code(problem: ClientError) -> str:
    return problem.response["Error"]["Code"]


def _unavailable(problem: Exception) -> RecordsUnavailable:
    return RecordsUnavailable(type(problem).__name__)
