"""Stores what is parked, counts it, records it and, where no message's line tells of it, logs it.

sending.py decides for dispatches, routing.py for new events, and delivering.py for what comes from the queue.
"""

from relay.follow.records import Recorder
from relay.model.items import Parked
from relay.ports import Outbox, Telemetry


def park(parked: Parked, outbox: Outbox, telemetry: Telemetry, recorder: Recorder) -> None:
    """Raises QueueUnavailable where the item was not confirmed as stored."""
    outbox.park(parked)
    telemetry.count("Parked")
    facts = {"reason": parked.reason, "detail": parked.detail}
    if parked.event:
        telemetry.log("error", "event_parked", **facts, source=parked.source, event_id=parked.event.id)
    elif not parked.dispatch:
        telemetry.log("error", "item_parked", **facts)
    recorder.parked(parked)
