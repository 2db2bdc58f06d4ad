"""The protocols of what the domain needs from the world. aws/ and handlers/ implement them, and tests fake them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from omni.models import AdvancedRequest, Log, OmniResponse, TextRequest
from omni.models import Report as OmniReport
from relay.configure.sources import Source
from relay.model.items import Parked, QueueItem
from relay.model.records import Record, Report, State

Json = Any
# The ledger keeps each kind's keys apart. Those of `body` expire after limits.REPEAT_SECONDS.
Kind = Literal["send", "enqueue", "park", "id", "body", "watch", "escalate"]


class InFlight(Exception):
    """Another copy holds this key and may still fail. Try again when it is done."""


class LedgerUnavailable(Exception):
    """The ledger can't be read or written; the action was not run."""


class QueueUnavailable(Exception):
    """The item was not confirmed as stored."""


class ItemTooLarge(QueueUnavailable):
    """The queue holds no item of this size, now or later."""


class ConfigurationUnavailable(Exception):
    """SSM fails, and there is no last good value."""


class UnknownScenario(LookupError):
    """No parameter holds a key of that name."""


class BreakerOpen(Exception):
    """OMNI has been failing, so it was not called: one more time-out would only cost time."""


class NoTimeLeft(Exception):
    """The preparation took all the time that the call had, so OMNI was not called."""


class Ledger(Protocol):
    """Runs an action at most once per key, and keeps its result (JSON) until it expires."""

    def once(self, kind: Kind, key: str, action: Callable[[], Json]) -> tuple[Json, bool]:
        """Returns the result, and whether a former call had made it.

        Raises:
            InFlight: another copy runs the action now.
            LedgerUnavailable: the action was not run.
            Exception: what the action raises; then the key is free again.
        """
        ...

    def forget(self, kind: Kind, key: str) -> None:
        """Frees a key. Raises LedgerUnavailable."""
        ...


class Outbox(Protocol):
    """The delivery queue and the dead-letter queue."""

    def enqueue(self, item: QueueItem, delay: int = 0) -> None:
        """Stores the item for delivery in `delay` seconds. Raises QueueUnavailable."""
        ...

    def park(self, parked: Parked) -> None:
        """Stores it where a person finds it. Raises QueueUnavailable."""
        ...


class Sns(Protocol):
    """Amazon SNS over HTTPS. The addresses are checked before."""

    def fetch(self, url: str) -> bytes:
        """Returns a signing certificate in PEM. Raises Unavailable, or NotAuthenticated if there is none."""
        ...

    def confirm(self, url: str) -> None:
        """Confirms a subscription by fetching its address. Raises Unavailable."""
        ...


class RecordsUnavailable(Exception):
    """The table of records can't be read or written."""


class BusUnavailable(Exception):
    """EventBridge did not take every event."""


class OpenMessage(NamedTuple):
    """A message whose end was not told yet: its ids, and when OMNI took it (aware)."""

    message_id: str
    dispatch_id: str
    at: datetime


class Records(Protocol):
    """The records of all messages. A final state is never undone."""

    def put(self, records: Sequence[Record], *, fresh: bool = False) -> None:
        """Writes records, each unless a final or a newer one is there.

        With `fresh`, OMNI took the messages just now, so there can be none, and many are written at once.

        Raises RecordsUnavailable if one was not confirmed.
        """
        ...

    def get(self, message_ids: Collection[str]) -> Mapping[str, Record]:
        """Returns those that exist, by message id. Raises RecordsUnavailable."""
        ...

    def end(self, message_id: str, state: State, report: Report | None, at: datetime) -> Record | None:
        """Makes a state final. Returns the record as it is then, whose state may be an earlier final one, or None if
        there is no record. Raises RecordsUnavailable.
        """
        ...

    def mark_told(self, message_id: str) -> None:
        """Notes that the end was logged, counted and published. Raises RecordsUnavailable."""
        ...

    def open(self, since: datetime) -> Iterator[OpenMessage]:
        """Yields the messages since then whose end was not told yet, the oldest first. Raises RecordsUnavailable."""
        ...


class EventBus(Protocol):
    """EventBridge, if a bus is configured."""

    def publish(self, events: Sequence[tuple[str, Mapping[str, Json]]]) -> None:
        """Publishes details by their type, such as `message.delivered`. Raises BusUnavailable."""
        ...


class KeySets(Protocol):
    """The JSON Web Key Sets of senders. Their addresses stand in the configuration."""

    def keys(self, url: str, max_age: float) -> Sequence[Mapping[str, Json]]:
        """Returns the keys of a set, no older than `max_age` seconds if its host answers.

        If it doesn't, the last good keys serve for a day. Raises Unavailable if there are none.
        """
        ...


class OmniGateway(Protocol):
    """OMNI behind its circuit breaker."""

    def send(self, request: TextRequest | AdvancedRequest, deadline: float) -> OmniResponse:
        """Sends within `deadline` seconds. Raises OmniError, BreakerOpen, NoTimeLeft, ConfigurationUnavailable."""
        ...

    def logs(self, *, bulk_ids: Sequence[str] = (), message_ids: Sequence[str] = (), deadline: float) -> Sequence[Log]:
        """Returns the logs of these messages within `deadline` seconds. Raises as `send`."""
        ...

    def reports(self, bulk_id: str, deadline: float) -> Sequence[OmniReport]:
        """Takes the unread reports of a bulk. OMNI gives each once. Raises as `send`."""
        ...


class Configuration(Protocol):
    """Sources and scenario keys, cached."""

    def source(self, name: str) -> Source | None:
        """Returns None for an unknown source. Raises ConfigurationUnavailable."""
        ...

    def scenario_key(self, name: str) -> str:
        """Returns OMNI's key of a scenario. Raises UnknownScenario or ConfigurationUnavailable."""
        ...


class Telemetry(Protocol):
    """Structured log lines and metrics."""

    def event_received(self, fields: Mapping[str, Json]) -> None: ...

    def message_status(self, fields: Mapping[str, Json]) -> None: ...

    def message_report(self, fields: Mapping[str, Json]) -> None: ...

    def log(self, level: Literal["info", "warning", "error"], message: str, **fields: Json) -> None: ...

    def count(self, metric: str, value: int = 1) -> None: ...
