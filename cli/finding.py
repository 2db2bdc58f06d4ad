"""Finds messages in the table of records: by recipient, event or source, and by time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws.records import INDEXES, DynamoDbRecords
from cli.frame import Mistake
from cli.target import Target
from relay.follow.records import address_hash
from relay.message.recipients import parse_email, parse_phone
from relay.model.records import Record
from relay.problems import Mistake as Refusal

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """The conditions of a search; None means any. At most one of `to`, `event` and `source` chooses the index."""

    since: datetime
    to: str | None = None
    event: str | None = None
    source: str | None = None
    route: str | None = None
    status: str | None = None

    def takes(self, record: Record) -> bool:
        return (
            record.at >= self.since
            and self.event in {None, record.event_id}
            and self.source in {None, record.source}
            and self.route in {None, record.route}
            and self.status in {None, record.state}
        )


def find(target: Target, wanted: Wanted, limit: int) -> list[Record]:
    """Gives the newest messages that are wanted, the newest first; at most `limit`. Raises Mistake."""
    client, table = target.client("dynamodb"), target.output("RecordsTableName")
    records = DynamoDbRecords(client, table, 0)
    found: list[Record] = []
    ids: list[str] = []
    for message_id in _ids(client, table, wanted, _key_of(target, wanted)):
        ids.append(message_id)
        if len(ids) == _BATCH:
            found += _read(records, ids, wanted)
            ids = []
        if len(found) >= limit and _is_ordered(wanted):
            break
    found += _read(records, ids, wanted)
    return sorted(found, key=lambda record: record.at, reverse=True)[:limit]


def _read(records: DynamoDbRecords, ids: list[str], wanted: Wanted) -> list[Record]:
    return [record for record in records.get(ids).values() if wanted.takes(record)] if ids else []


def _is_ordered(wanted: Wanted) -> bool:
    """Whether the index gives the newest first."""
    return bool(wanted.to or wanted.source) and not wanted.event


def _key_of(target: Target, wanted: Wanted) -> tuple[str, str] | None:
    """Gives the attribute that chooses the index, and its value; None if every record has to be read."""
    if wanted.to:
        return _recipient(target, wanted.to)
    if wanted.event:
        return "event_id", wanted.event
    return ("source", wanted.source) if wanted.source else None


def _recipient(target: Target, to: str) -> tuple[str, str]:
    name = f"{target.prefix}/records/key"
    answer = target.client("ssm").get_parameters(Names=[name], WithDecryption=True)
    if not answer["Parameters"]:
        raise Mistake(f"{name} is missing, without which no recipient can be looked up: omni-relay push makes it")
    key = answer["Parameters"][0]["Value"]
    try:
        if "@" in to:
            return "email_hash", address_hash(key, parse_email(to))
        return "phone_hash", address_hash(key, parse_phone(to))
    except Refusal as refusal:
        raise Mistake(str(refusal)) from None


def _ids(client: Any, table: str, wanted: Wanted, key: tuple[str, str] | None) -> Iterator[str]:
    since = f"{wanted.since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    if key is None:
        names = {"FilterExpression": "#at >= :since", "ExpressionAttributeNames": {"#at": "at"}}
        values = {":since": {"S": since}}
        pages = client.get_paginator("scan").paginate(TableName=table, ExpressionAttributeValues=values, **names)
    else:
        condition, attributes, values = "#key = :key", {"#key": key[0]}, {":key": {"S": key[1]}}
        if key[0] != "event_id":  # that index has no time
            condition, attributes["#at"], values[":since"] = f"{condition} AND #at >= :since", "at", {"S": since}
        pages = client.get_paginator("query").paginate(
            TableName=table,
            IndexName=INDEXES[key[0]],
            KeyConditionExpression=condition,
            ExpressionAttributeNames=attributes,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
        )
    for page in pages:
        for item in page["Items"]:
            yield item["message_id"]["S"]
