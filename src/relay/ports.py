"""The protocols of what the domain needs from the world. aws/ and handlers/ implement them, and tests fake them."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from omni.models import AdvancedRequest, OmniResponse, TextRequest
from relay.configure.sources import Source
from relay.model.items import Parked, QueueItem

Json = Any
# The ledger keeps each kind's keys apart. Those of `body` expire after limits.REPEAT_SECONDS.
Kind = Literal["send", "enqueue", "park", "id", "body"]


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


class OmniGateway(Protocol):
    """OMNI behind its circuit breaker."""

    def send(self, request: TextRequest | AdvancedRequest, deadline: float) -> OmniResponse:
        """Sends within `deadline` seconds. Raises OmniError, BreakerOpen, NoTimeLeft, ConfigurationUnavailable."""
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

    def log(self, level: Literal["info", "warning", "error"], message: str, **fields: Json) -> None: ...

    def count(self, metric: str, value: int = 1) -> None: ...
