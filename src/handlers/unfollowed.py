"""Stands for the table of records and for the bus while there are none."""

# ruff: noqa: ARG002  # the parameters are those of the protocols

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from relay.model.records import Record, Report, State
from relay.ports import Json, RecordsUnavailable


class NoRecords:
    """Knows nothing, so that OMNI's logs alone say what became of a message."""

    def put(self, records: Sequence[Record]) -> None:
        raise RecordsUnavailable

    def get(self, message_ids: Collection[str]) -> Mapping[str, Record]:
        raise RecordsUnavailable

    def end(self, message_id: str, state: State, report: Report | None, at: datetime) -> Record | None:
        raise RecordsUnavailable

    def mark_told(self, message_id: str) -> None:
        raise RecordsUnavailable

    def open(self, since: datetime, until: datetime) -> Iterator[Record]:
        raise RecordsUnavailable


class NoBus:
    """Publishes nothing."""

    def publish(self, events: Sequence[tuple[str, Mapping[str, Json]]]) -> None:
        pass
