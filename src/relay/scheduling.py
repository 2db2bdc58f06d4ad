"""A firing of a schedule: one notification, a list of them, or an event for a source's routes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.events import Event
from relay.ports import Configuration
from relay.problems import FieldError, InvalidBody
from relay.relaying import Outcome, Relayer
from relay.routing import parse_notification
from relay.sources import SCHEDULE


@dataclass(frozen=True, slots=True)
class Firing:
    """`id` is the same for every retry of one firing; `payload` is what the schedule's author wrote."""

    id: str
    payload: Any


def firing_of(event: Any, request_id: str) -> Firing:
    """Takes the event of an EventBridge rule (its `detail`), or the input of a Scheduler schedule as it is.

    Lambda retries an asynchronous invocation under the same request id, so that identifies what names no id.
    """
    if isinstance(event, Mapping) and "detail-type" in event and "detail" in event:
        return Firing(str(event.get("id") or request_id), event["detail"])
    return Firing(request_id, event)


@dataclass(frozen=True, slots=True)
class Scheduler:
    configuration: Configuration
    relayer: Relayer

    def fire(self, firing: Firing, now: datetime) -> list[Outcome]:
        """The outcome of each notification, or of the one event.

        Raises:
            InvalidBody: the payload is none of the three forms; `errors` say where.
            DuplicateInFlight, Unavailable, ConfigurationUnavailable: try again.
        """
        payload = firing.payload
        if isinstance(payload, Mapping) and "event" in payload:
            return [self._through_routes(firing, payload, now)]
        entries = payload if isinstance(payload, list) else [payload]
        if not entries:
            raise InvalidBody("Give at least one notification.", errors=[FieldError("(body)", "expected one or more")])
        ids = [parse_notification(entry).id for entry in entries]  # all are checked before the first is sent
        outcomes = []
        for index, (entry, own_id) in enumerate(zip(entries, ids, strict=True)):
            identity = own_id or (firing.id if len(entries) == 1 else f"{firing.id}/{index}")
            event = Event(source=SCHEDULE.name, id=identity, headers={}, body=entry, received_at=now)
            outcomes.append(self.relayer.relay(event, SCHEDULE))
        return outcomes

    def _through_routes(self, firing: Firing, payload: Mapping[str, Any], now: datetime) -> Outcome:
        source = self.configuration.source(str(payload.get("source", "")))
        if source is None:
            raise InvalidBody(
                "Name a configured source.", errors=[FieldError("source", "expected a configured source")]
            )
        identity = str(payload.get("id") or firing.id)
        event = Event(source=source.name, id=identity, headers={}, body=payload["event"], received_at=now)
        return self.relayer.relay(event, source, delivery="direct")
