"""Tells the sandbox how its messages came through the relay, as the functions' log lines say."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import requests

from sandbox.tasks import cancelled

_LINE = "message_status"
_TIMEOUT = 5


def trail_of(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body of POST /sandbox/trail for a log line. None if the line is about something else."""
    if record.get("message") != _LINE or not record.get("message_id"):
        return None
    return {
        "messageIds": [record["message_id"]],
        "event": {
            "id": record.get("event_id"),
            "source": record.get("source"),
            "requestId": record.get("function_request_id"),
        },
        "route": record.get("route"),
        "dispatch": {
            "id": record.get("dispatch_id"),
            "scenario": record.get("scenario"),
            "attempt": record.get("attempt"),
            "outcome": record.get("outcome"),
            "latencyMs": record.get("latency_ms"),
        },
    }


class Trail:
    """Posts trails in the background, one at a time. A trail that can't be posted is dropped."""

    def __init__(self, sandbox_url: str) -> None:
        self._url = f"{sandbox_url}/sandbox/trail"
        self._trails: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._session = requests.Session()
        self._session.trust_env = False
        self._task: asyncio.Task[None] | None = None

    def note(self, record: Mapping[str, Any]) -> None:
        trail = trail_of(record)
        if trail is not None:
            self._trails.put_nowait(trail)

    def start(self) -> None:
        self._task = asyncio.create_task(self._post_all())

    async def stop(self) -> None:
        await cancelled(self._task)

    async def _post_all(self) -> None:
        while True:
            trail = await self._trails.get()
            with suppress(requests.RequestException):
                await asyncio.to_thread(self._session.post, self._url, json=trail, timeout=_TIMEOUT)
