"""A bus that fails is spared for some seconds, and a request that it refuses keeps no other waiting."""

import socket
import time
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from botocore.exceptions import ConnectionError as Unreachable

from aws import clients
from aws.event_bus import EventBridgeBus
from aws.rest import REST_SECONDS
from relay.ports import BusUnavailable

EVENTS = [("event.parked", {"reason": "route_invalid"})]


@pytest.fixture
def silent_host() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_bus_that_failed_is_spared_for_some_seconds() -> None:
    now = 1_000.0
    client = Mock()
    client.put_events.side_effect = Unreachable(error=OSError("refused"))
    bus = EventBridgeBus(client, "bus", clock=lambda: now)
    for _ in range(3):
        with pytest.raises(BusUnavailable):
            bus.publish(EVENTS)
    assert client.put_events.call_count == 1

    now += REST_SECONDS
    client.put_events.side_effect = None
    client.put_events.return_value = {"FailedEntryCount": 0}
    bus.publish(EVENTS)
    assert client.put_events.call_count == 2


def test_events_that_the_bus_refuses_do_not_keep_others_waiting() -> None:
    client = Mock()
    client.put_events.side_effect = ClientError({"Error": {"Code": "ValidationException"}}, "PutEvents")
    bus = EventBridgeBus(client, "bus")
    for _ in range(2):
        with pytest.raises(BusUnavailable):
            bus.publish(EVENTS)

    assert client.put_events.call_count == 2


def test_a_silent_bus_takes_no_longer_than_a_second(silent_host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent_host)
    bus = EventBridgeBus(clients.events.__wrapped__(), "bus")

    began = time.monotonic()
    with pytest.raises(BusUnavailable):
        bus.publish(EVENTS)

    assert time.monotonic() - began < 2.5  # 0.7 s, and much for a busy machine; a second attempt took 4 s
