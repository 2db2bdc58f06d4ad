"""The bus of EventBridge that other systems listen to."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from aws.rest import Rest
from relay.ports import BusUnavailable

SOURCE = "omni-relay"
_ENTRIES = 10  # the limit of PutEvents


class EventsClient(Protocol):
    """The one call of boto3's client that is used."""

    def put_events(self, *, Entries: Sequence[Mapping[str, str]]) -> Mapping[str, Any]: ...  # noqa: N803  # boto3's name


class NoBus:
    """Publishes nothing, because no bus is configured."""

    def publish(self, events: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """See `relay.ports.EventBus`."""


class EventBridgeBus:
    """See `relay.ports.EventBus`. After a failed call, the next ones fail at once for `aws.rest.REST_SECONDS`."""

    def __init__(self, client: EventsClient, bus: str, *, clock: Callable[[], float] = time.time) -> None:
        self._client, self._bus = client, bus
        self._rest = Rest(clock)

    def publish(self, events: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """See `relay.ports.EventBus`."""
        if self._rest.lasts:
            raise BusUnavailable("the bus has just failed")
        entries = [
            {"Source": SOURCE, "DetailType": kind, "Detail": json.dumps(detail), "EventBusName": self._bus}
            for kind, detail in events
        ]
        for start in range(0, len(entries), _ENTRIES):
            try:
                answer = self._client.put_events(Entries=entries[start : start + _ENTRIES])
            except (ClientError, BotoCoreError) as problem:
                self._rest.begin(problem)
                raise BusUnavailable(type(problem).__name__) from None
            if answer["FailedEntryCount"]:
                raise BusUnavailable("some events were refused")
