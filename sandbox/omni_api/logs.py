"""Message logs: the messages accepted within the last 48 hours. They can be read again and again, without errors."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from starlette.datastructures import QueryParams

from sandbox.omni_api.clock import stamp
from sandbox.omni_api.errors import bad_request
from sandbox.omni_api.models import Message
from sandbox.omni_api.query import among, moment, whole
from sandbox.omni_api.store import MessageStore
from sandbox.omni_api.wire import ApiAnswer, ApiCall

_ROOT: Final = "omniLogsResponse"
KEPT: Final = timedelta(hours=48)
_GROUPS: Final = frozenset({"ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "REJECTED", "EXPIRED"})

Matcher = Callable[[Message, Mapping[str, Any]], bool]


def log_of(message: Message) -> dict[str, Any]:
    """One log line. Both times are always present, so a message under way has its last known ones."""
    step = message.steps[-1] if message.steps else None
    since = stamp(step.started_at if step else message.received_at)
    so_far = {
        "bulkId": message.bulk_id,
        "messageId": message.message_id,
        "to": next(iter(message.to.values()), ""),
        "sentAt": since,
        "doneAt": since,
        "messageCount": 1,
        "status": message.status.wire(),
        "channel": step.channel.value if step else None,
        "callbackData": message.callback_data,
    }
    line = {**so_far, **(message.report or {}), "from": step.sender if step else None, "text": message.text}
    return {name: value for name, value in line.items() if value is not None and name != "error"}


def _one_of(name: str, wanted: frozenset[str]) -> Matcher:
    return lambda _, line: line.get(name) in wanted


def _matchers(query: QueryParams) -> Iterator[Matcher]:
    for name in ("from", "channel"):
        if (wanted := among(query, name)) is not None:
            yield _one_of(name, wanted)
    if (to := among(query, "to")) is not None:
        yield lambda message, _: not to.isdisjoint(message.to.values())
    if (groups := among(query, "generalStatus")) is not None:
        if not groups <= _GROUPS:
            raise bad_request(f"generalStatus: must be one of {', '.join(sorted(_GROUPS))}")
        yield lambda _, line: line["status"]["groupName"] in groups
    if (since := moment(query, "sentSince")) is not None:
        yield lambda message, _: message.received_at >= since
    if (until := moment(query, "sentUntil")) is not None:
        yield lambda message, _: message.received_at <= until


def logs(store: MessageStore, now: Callable[[], datetime], call: ApiCall) -> ApiAnswer:
    """GET /logs: the newest message first."""
    limit = whole(call.query, "limit", default=50, least=1, most=1000)
    matchers = list(_matchers(call.query))
    oldest = now() - KEPT
    asked = store.newest_first(ids=among(call.query, "messageId"), bulks=among(call.query, "bulkId"))
    lines = ((message, log_of(message)) for message in asked if message.received_at >= oldest)
    chosen = (line for message, line in lines if all(matches(message, line) for matches in matchers))
    return ApiAnswer({"results": list(islice(chosen, limit))}, _ROOT)
