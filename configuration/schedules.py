"""The schedules of relay.yaml, as EventBridge Scheduler takes them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from configuration.files import Parts
from configuration.mistakes import Mistake, at, nearest, shown
from relay.message.notifications import parse_notification
from relay.problems import InvalidBody

FIELDS = ("cron", "rate", "at", "zone", "notification", "event")
_WHEN = ("cron", "rate", "at")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,48}")
_CRON_FIELDS = 6
_RATE = re.compile(r"[1-9]\d{0,3} (minute|hour|day)s?")
# Scheduler fills these in: the id is the same for each attempt of a firing.
_ID = "<aws.scheduler.schedule-arn> <aws.scheduler.scheduled-time>"
_CRON_EXAMPLE = "expected six fields, one of the two days ?, such as 0 8 ? * MON-FRI *"


@dataclass(frozen=True, slots=True)
class Schedule:
    """`input` is the payload of ScheduleFunction, as JSON."""

    name: str
    expression: str
    zone: str
    input: str


def schedules_of(config: Mapping[str, Any]) -> list[Schedule]:
    """Gives the schedules of a configuration without mistakes."""
    return [_schedule(name, given) for name, given in (config.get("schedules") or {}).items()]


def _schedule(name: str, given: Mapping[str, Any]) -> Schedule:
    kind = next(kind for kind in _WHEN if kind in given)
    if "event" in given:
        event = given["event"]
        payload = {"id": _ID, "source": event["source"], "event": event["body"]}
        payload |= {"headers": event["headers"]} if "headers" in event else {}
    else:
        payload = {"id": _ID, **given["notification"]}
    argument = datetime.fromisoformat(given["at"]).isoformat() if kind == "at" else given[kind]
    return Schedule(name, f"{kind}({argument})", given.get("zone", "UTC"), json.dumps(payload, ensure_ascii=False))


def schedule_mistakes(config: Mapping[str, Any]) -> Iterator[Mistake]:
    schedules = config.get("schedules") or {}
    if not isinstance(schedules, Mapping):
        yield Mistake("expected names with their schedules", field="schedules", **at(config, ("schedules",)))
        return
    for name, given in schedules.items():
        for field, words, meant in _mistakes_of(name, given, config):
            shown_field = f"schedule {shown(name)}" + (f", {'.'.join(map(str, field))}" if field else "")
            yield Mistake(words, field=shown_field, meant=meant, **at(config, ("schedules", name, *field)))


def _mistakes_of(name: str, given: Any, config: Mapping[str, Any]) -> Iterator[tuple[Parts, str, str | None]]:
    if not _NAME.fullmatch(name):
        yield (), "expected a name of letters, digits, '.', '_', '-', 48 at most", None
    if not isinstance(given, Mapping):
        yield (), "expected a mapping with cron, rate or at, and notification or event", None
        return
    for field in given:
        if field not in FIELDS:
            yield (field,), f"there is no such field: expected {', '.join(FIELDS)}", nearest(str(field), FIELDS)
    if sum(kind in given for kind in _WHEN) != 1:
        yield (), "expected one of cron, rate and at", None
    if ("notification" in given) == ("event" in given):
        yield (), "expected either a notification or an event", None
    yield from _time_mistakes(given)
    if "notification" in given:
        yield from _notification_mistakes(given["notification"], config.get("scenarios") or {})
    if "event" in given:
        yield from _event_mistakes(given["event"], config.get("sources") or {})


def _time_mistakes(given: Mapping[str, Any]) -> Iterator[tuple[Parts, str, str | None]]:
    cron, rate, zone = given.get("cron"), given.get("rate"), given.get("zone", "UTC")
    if cron is not None:
        fields = cron.split() if isinstance(cron, str) else []
        if len(fields) != _CRON_FIELDS or (fields[2] == "?") == (fields[4] == "?"):
            yield ("cron",), _CRON_EXAMPLE, None
    if rate is not None and not (isinstance(rate, str) and _RATE.fullmatch(rate)):
        yield ("rate",), "expected a number and minutes, hours or days, such as 15 minutes", None
    if "at" in given and _moment(given["at"]) is None:
        yield ("at",), "expected a date and time without a zone, such as 2026-12-24T09:00", None
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        yield ("zone",), "expected a time zone, such as Europe/Zurich", None


def _moment(given: Any) -> datetime | None:
    """Gives None for what is no date and time without a zone."""
    try:
        moment = datetime.fromisoformat(given)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo is None else None


def _notification_mistakes(given: Any, scenarios: Mapping[str, Any]) -> Iterator[tuple[Parts, str, str | None]]:
    try:
        scenario = parse_notification(given).scenario
    except InvalidBody as problem:
        for error in problem.errors:
            yield ("notification", error.field), error.problem, None
        return
    if scenario not in scenarios:
        words = f"there is no scenario {scenario} under scenarios"
        yield ("notification", "scenario"), words, nearest(scenario, scenarios)


def _event_mistakes(given: Any, sources: Mapping[str, Any]) -> Iterator[tuple[Parts, str, str | None]]:
    if not isinstance(given, Mapping) or not {"source", "body"} <= set(given) <= {"source", "body", "headers"}:
        yield ("event",), "expected source and body, and headers if a route looks at them", None
    elif given["source"] not in sources:
        source = shown(str(given["source"]))
        yield ("event", "source"), f"there is no source {source} under sources", nearest(source, sources)
