"""Delivery reports. One is made when a message reaches its end; it is pulled once, or pushed to the notifyUrl."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final, Protocol

from sandbox.omni_api.channels import Channel
from sandbox.omni_api.clock import stamp
from sandbox.omni_api.engine import Ending
from sandbox.omni_api.models import Message
from sandbox.omni_api.query import among, whole
from sandbox.omni_api.wire import ApiAnswer, ApiCall

REPORTS_ROOT: Final = "omniReportsResponse"
_PRICE: Final = {"pricePerMessage": 0.01, "currency": "EUR"}
_SWISS_NETWORK: Final = "22801"
# The characters that one SMS holds, alone and as a part of several: by `isascii`, for GSM 7 bit and UCS-2.
_SMS_SIZES: Final = {True: (160, 153), False: (70, 67)}


class ReportPusher(Protocol):
    def push(self, message: Message, report: Mapping[str, Any]) -> None:
        """Sends a report to the message's notifyUrl, and retries until it is taken."""


def parts(channel: Channel | None, text: str | None) -> int:
    """The number of messages that the text takes on that channel."""
    if channel is not Channel.SMS or not text:
        return 1
    alone, part = _SMS_SIZES[text.isascii()]
    return 1 if len(text) <= alone else -(-len(text) // part)


def report_of(ending: Ending) -> dict[str, Any]:
    """The report of a step that has ended. Absent values are left out."""
    message, leg = ending.message, ending.leg
    status = message.steps[-1].status if message.steps else message.status
    by_phone = leg is not None and leg.channel is not Channel.EMAIL
    report = {
        "bulkId": message.bulk_id,
        "messageId": message.message_id,
        "to": leg.address if leg is not None else next(iter(message.to.values()), ""),
        "sentAt": stamp(ending.started_at),
        "doneAt": stamp(ending.ended_at),
        "messageCount": parts(leg.channel if leg is not None else None, message.text),
        "mccMnc": _SWISS_NETWORK if by_phone else None,
        "price": dict(_PRICE),
        "status": status.wire(),
        "error": ending.error.wire(),
        "channel": leg.channel.value if leg is not None else None,
        "callbackData": message.callback_data,
    }
    return {name: value for name, value in report.items() if value is not None}


class ReportDesk:
    """Keeps reports until they are fetched. Reports of messages with a notifyUrl are pushed instead."""

    def __init__(self, pusher: ReportPusher, limit: int) -> None:
        self._pusher = pusher
        self._waiting: deque[dict[str, Any]] = deque(maxlen=limit)

    def step_failed(self, ending: Ending) -> None:
        notify = ending.message.notify
        if notify is not None and notify.intermediate:
            self._pusher.push(ending.message, report_of(ending))

    def finished(self, ending: Ending) -> Message:
        report = report_of(ending)
        if ending.message.notify is None:
            self._waiting.append(report)
        else:
            self._pusher.push(ending.message, report)
        return replace(ending.message, report=report)

    def undeliverable(self, report: Mapping[str, Any]) -> None:
        """Keeps a report that its notifyUrl didn't take, so that it can be fetched."""
        self._waiting.append(dict(report))

    def empty(self) -> None:
        self._waiting.clear()

    def pull(self, call: ApiCall) -> ApiAnswer:
        """GET /reports: the oldest first. Each is given out once."""
        limit = whole(call.query, "limit", default=50, least=1, most=1000)
        filters = {name: among(call.query, name) for name in ("bulkId", "messageId", "channel")}
        wanted = (report for report in self._waiting if _matches(report, filters))
        taken = list(islice(wanted, limit))
        if gone := {id(report) for report in taken}:
            left = (report for report in self._waiting if id(report) not in gone)
            self._waiting = deque(left, maxlen=self._waiting.maxlen)
        return ApiAnswer({"results": taken}, REPORTS_ROOT)


def _matches(report: Mapping[str, Any], filters: Mapping[str, frozenset[str] | None]) -> bool:
    return all(wanted is None or report.get(name) in wanted for name, wanted in filters.items())
