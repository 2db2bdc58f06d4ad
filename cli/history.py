"""The pushes of a stack, each kept whole but for its secrets, in the stack's table. They don't expire.

| item's id | holds |
|---|---|
| `push#head` | the number of the last push, and until when its writer may go on without a sign of life |
| `push#12` | who, when, from which commit and why, what it changed, and where its content lies |
| `push-content#{id}/{n}` | a part of the content: the parameters as compressed JSON |
"""

import gzip
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from configuration.parameters import Parameter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE_SECONDS = 120
_PART_BYTES = 350_000  # an item holds 400 KB
_READ_AT_ONCE = 50
_HEAD = "push#head"


class PushedMeanwhile(Exception):
    """Somebody else pushed after the plan was made, or pushes now. `entry` is that push."""

    def __init__(self, entry: "Entry", *, under_way: bool) -> None:
        super().__init__()
        self.entry = entry
        self.under_way = under_way


@dataclass(frozen=True, slots=True)
class Entry:
    """A push as recorded.

    Attributes:
        at: UTC, in ISO 8601.
        by: the caller's ARN, or the user's name at a local stack.
        commit: git's, with `+` behind it if files had changes that weren't committed. None outside of git.
        message: why, as `-m` said.
        counts: how many parameters were added, changed and deleted.
        secrets: the names of the secrets that it changed.
        done: False while it is under way, and for ever if it died.
    """

    number: int
    at: str
    by: str
    commit: str | None = None
    message: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    done: bool = False
    content: str = ""
    parts: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """`number` is 0 before the first push. `lease` is in seconds since 1970; 0 once the push is done."""

    number: int = 0
    lease: int = 0

    @property
    def is_under_way(self) -> bool:
        return self.lease > time.time()


@dataclass(frozen=True, slots=True)
class History:
    client: "DynamoDBClient"
    table: str

    def head(self) -> Head:
        item = self._item(_HEAD)
        return Head(int(item["number"]["N"]), int(item["lease"]["N"])) if item else Head()

    def entry(self, number: int) -> Entry | None:
        item = self._item(f"push#{number}")
        return _entry(item) if item else None

    def entries(self, last: int, count: int) -> list[Entry]:
        """Gives the newest pushes, at most `count`, from `last` on backwards."""
        keys: list[Any] = [{"id": {"S": f"push#{number}"}} for number in range(last, max(0, last - count), -1)]
        found = []
        while keys:
            batch, keys = keys[:_READ_AT_ONCE], keys[_READ_AT_ONCE:]
            answer: Any = self.client.batch_get_item(RequestItems={self.table: {"Keys": batch, "ConsistentRead": True}})
            found += [_entry(item) for item in answer["Responses"].get(self.table, [])]
            keys += answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
        return sorted(found, key=lambda entry: -entry.number)

    def content(self, entry: Entry) -> dict[str, Parameter]:
        """Gives the parameters that the stack had after this push, without secrets."""
        parts = [self._item(f"push-content#{entry.content}/{n}") or {} for n in range(entry.parts)]
        packed = b"".join(part["content"]["B"] for part in parts)
        return {name: Parameter(name, *one) for name, one in json.loads(gzip.decompress(packed)).items()}

    def begin(self, entry: Entry, after: Mapping[str, Parameter]) -> Entry:
        """Records the push before anything changes, and gives the entry with its number.

        `entry.number` is that of the push which the plan was made after.

        Raises:
            PushedMeanwhile: there is another one since, or one that is still under way.
        """
        head = self.head()
        if head.number != entry.number or head.is_under_way:
            raise self._meanwhile(head)
        packed = gzip.compress(json.dumps({name: (p.type, p.value) for name, p in after.items()}).encode(), mtime=0)
        parts = [packed[start : start + _PART_BYTES] for start in range(0, len(packed), _PART_BYTES)]
        made = replace(entry, number=entry.number + 1, content=uuid4().hex, parts=len(parts))
        for number, part in enumerate(parts):
            item: dict[str, Any] = {"id": {"S": f"push-content#{made.content}/{number}"}, "content": {"B": part}}
            self.client.put_item(TableName=self.table, Item=item)
        try:
            self._take(made)
        except ClientError as error:
            if error.response["Error"].get("Code") != "TransactionCanceledException":
                raise
            self._forget(made)
            raise self._meanwhile(self.head()) from None
        return made

    def go_on(self, entry: Entry) -> None:
        """Tells others that this push still runs. Raises PushedMeanwhile if another one took over."""
        try:
            self._set_lease(entry.number, int(time.time()) + LEASE_SECONDS)
        except self.client.exceptions.ConditionalCheckFailedException:
            raise self._meanwhile(self.head()) from None

    def finish(self, number: int) -> None:
        self.client.update_item(
            TableName=self.table,
            Key={"id": {"S": f"push#{number}"}},
            UpdateExpression="SET done = :done",
            ExpressionAttributeValues={":done": {"BOOL": True}},
        )
        self._set_lease(number, 0)

    def _take(self, made: Entry) -> None:
        """Writes the entry and the head in one step, if the head is still the one before."""
        facts = asdict(made)
        item: dict[str, Any] = {
            "id": {"S": f"push#{made.number}"},
            "done": {"BOOL": made.done},
            "entry": {"S": json.dumps(facts, ensure_ascii=False)},
        }
        lease = 0 if made.done else int(time.time()) + LEASE_SECONDS
        head = {
            "TableName": self.table,
            "Item": {"id": {"S": _HEAD}, "number": {"N": str(made.number)}, "lease": {"N": str(lease)}},
            "ConditionExpression": "attribute_not_exists(id) OR (#n = :before AND lease <= :now)",
            "ExpressionAttributeNames": {"#n": "number"},
            "ExpressionAttributeValues": {":before": {"N": str(made.number - 1)}, ":now": {"N": str(int(time.time()))}},
        }
        self.client.transact_write_items(
            TransactItems=[{"Put": head}, {"Put": {"TableName": self.table, "Item": item}}]  # type: ignore[typeddict-item]  # items are built as dicts
        )

    def _set_lease(self, number: int, until: int) -> None:
        self.client.update_item(
            TableName=self.table,
            Key={"id": {"S": _HEAD}},
            UpdateExpression="SET lease = :until",
            ConditionExpression="#n = :number",
            ExpressionAttributeNames={"#n": "number"},
            ExpressionAttributeValues={":until": {"N": str(until)}, ":number": {"N": str(number)}},
        )

    def _forget(self, made: Entry) -> None:
        for number in range(made.parts):
            self.client.delete_item(TableName=self.table, Key={"id": {"S": f"push-content#{made.content}/{number}"}})

    def _meanwhile(self, head: Head) -> PushedMeanwhile:
        unknown = Entry(head.number, "", "somebody")
        return PushedMeanwhile(self.entry(head.number) or unknown, under_way=head.is_under_way)

    def _item(self, key: str) -> Any:
        return self.client.get_item(TableName=self.table, Key={"id": {"S": key}}, ConsistentRead=True).get("Item")


def _entry(item: Mapping[str, Any]) -> Entry:
    facts = json.loads(item["entry"]["S"])
    return Entry(**facts | {"secrets": tuple(facts["secrets"]), "done": item["done"]["BOOL"]})
