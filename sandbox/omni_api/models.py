"""The facts that the sandbox keeps of a message. The classes are frozen, so each change is a new value in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.omni_api.channels import Channel
from sandbox.omni_api.clock import stamp
from sandbox.omni_api.statuses import Status


@dataclass(frozen=True, slots=True)
class TakenStep:
    """One channel's attempt to carry a message."""

    channel: Channel
    sender: str | None
    started_at: datetime
    ended_at: datetime | None
    status: Status

    def view(self) -> dict[str, Any]:
        return {
            "channel": self.channel.value,
            "from": self.sender,
            "startedAt": stamp(self.started_at),
            "endedAt": None if self.ended_at is None else stamp(self.ended_at),
            "status": self.status.wire(),
        }


@dataclass(frozen=True, slots=True)
class Notify:
    """Where a message's reports are pushed, and in which form."""

    url: str
    content_type: str
    intermediate: bool


def account_notify(url: str | None, content_type: str) -> Notify | None:
    """The account's own way for reports. OMNI has none for intermediate ones: a message must ask for them."""
    return None if url is None else Notify(url, content_type, intermediate=False)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """The request that brought a message. All messages of a request share one record."""

    endpoint: str
    format: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    serial: int
    message_id: str
    bulk_id: str | None
    to: Mapping[str, str]
    text: str | None
    subject: str | None
    scenario_key: str
    channels: Mapping[str, Any]
    callback_data: str | None
    notify: Notify | None
    received_at: datetime
    request: RequestRecord
    status: Status
    answered: Status
    steps: tuple[TakenStep, ...] = ()
    report: Mapping[str, Any] | None = None
    pushes: tuple[Mapping[str, Any], ...] = ()

    def view(self, trail: Mapping[str, Any]) -> dict[str, Any]:
        """The message as the control calls show it."""
        return {
            "messageId": self.message_id,
            "bulkId": self.bulk_id,
            "to": dict(self.to),
            "text": self.text,
            "subject": self.subject,
            "scenarioKey": self.scenario_key,
            "channels": dict(self.channels),
            "callbackData": self.callback_data,
            "status": self.status.wire(),
            "steps": [step.view() for step in self.steps],
            "report": None if self.report is None else dict(self.report),
            "pushes": [dict(push) for push in self.pushes],
            "receivedAt": stamp(self.received_at),
            "request": {"endpoint": self.request.endpoint, "format": self.request.format},
            "answer": self.answered.wire(),
            "trail": dict(trail),
        }

    def full_view(self, trail: Mapping[str, Any]) -> dict[str, Any]:
        """The view with the request's body. Lists leave the body out, because many messages can share it."""
        view = self.view(trail)
        return {**view, "request": {**view["request"], "body": self.request.body}}
