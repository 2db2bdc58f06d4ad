"""A stand-in for EventBridge Scheduler: reads the expressions, and fires the enabled schedules.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

from sandbox.stack.intrinsics import TemplateError
from sandbox.stack.invocations import ConcurrencyExceeded, FunctionOutcome, InvocationTooLarge
from sandbox.stack.specs import ACCOUNT, REGION, SamTemplate, ScheduleSpec
from sandbox.tasks import cancelled

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # 1 to 7
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
_HORIZON = timedelta(days=366 * 4 + 1)
NextFiring = Callable[[datetime], datetime | None]


@dataclass(frozen=True, slots=True)
class _Field:
    """One of cron's six fields: its bounds, and the names of its values from the lowest on."""

    low: int
    high: int
    names: Sequence[str] = ()

    def parse(self, text: str) -> frozenset[int]:
        """The values that the text selects. Raises ValueError. AWS's `L`, `W` and `#` aren't supported here."""
        values: set[int] = set()
        for part in text.split(","):
            span, _, step = part.partition("/")
            first, last = self._span(span, open_ended=bool(step))
            values.update(range(first, last + 1, int(step or 1)))
        if not values or min(values) < self.low or max(values) > self.high:
            raise ValueError(f"{text!r} is not within {self.low} to {self.high}")
        return frozenset(values)

    def _span(self, span: str, *, open_ended: bool) -> tuple[int, int]:
        if span in {"*", "?"}:
            return self.low, self.high
        first, dash, last = span.partition("-")
        low = self._number(first)
        return low, self._number(last) if dash else self.high if open_ended else low

    def _number(self, text: str) -> int:
        return self.names.index(text) + self.low if text in self.names else int(text)


_FIELDS = (
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31),
    _Field(1, 12, _MONTHS),
    _Field(1, 7, _DAYS),
    _Field(1970, 2199),
)


def next_firing(spec: ScheduleSpec, rate_scale: float = 1) -> NextFiring:
    """A function that gives the first firing after an aware time. Raises TemplateError.

    A rate comes `rate_scale` times as often, because nobody waits a minute to see what happens.
    """
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", spec.expression)
    if match is None:
        raise TemplateError(spec.name, f"expected rate(…), cron(…) or at(…), not {spec.expression}")
    kind, argument = match.groups()
    try:
        if kind == "rate":
            return _rate(argument, rate_scale)
        return {"cron": _cron, "at": _at}[kind](argument, ZoneInfo(spec.timezone))
    except (ValueError, KeyError) as error:
        raise TemplateError(spec.name, f"{spec.expression}: {error}") from error


def _rate(argument: str, scale: float) -> NextFiring:
    count, unit = argument.split()
    period = timedelta(seconds=int(count) * _UNITS[unit.removesuffix("s")] / scale)
    return lambda after: after + period


def _at(argument: str, zone: ZoneInfo) -> NextFiring:
    moment = datetime.fromisoformat(argument).replace(tzinfo=zone)
    return lambda after: moment if moment > after else None


def _cron(argument: str, zone: ZoneInfo) -> NextFiring:
    fields = argument.upper().split()
    if len(fields) != len(_FIELDS):
        raise ValueError("expected minutes, hours, day of month, month, day of week, year")
    return _Cron(zone, *(field.parse(text) for field, text in zip(_FIELDS, fields, strict=True))).first_after


@dataclass(frozen=True, slots=True)
class _Cron:
    """The values of cron's fields. Weekdays count from 1 on Sunday."""

    zone: ZoneInfo
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]

    def first_after(self, after: datetime) -> datetime | None:
        moment = after.astimezone(self.zone).replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=1)
        end = moment + _HORIZON
        while moment < end:
            if not self._day_matches(moment):
                moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
            elif moment.hour not in self.hours:
                moment = moment.replace(minute=0) + timedelta(hours=1)
            elif moment.minute not in self.minutes:
                moment += timedelta(minutes=1)
            else:
                return moment.replace(tzinfo=self.zone)
        return None

    def _day_matches(self, moment: datetime) -> bool:
        dates = moment.day in self.days and moment.month in self.months and moment.year in self.years
        return dates and moment.isoweekday() % 7 + 1 in self.weekdays


class Invocable(Protocol):
    """The part of a function that a schedule uses."""

    async def invoke(self, payload: bytes) -> FunctionOutcome: ...


class ScheduleTimer:
    """Fires one schedule until it has no next time."""

    def __init__(self, spec: ScheduleSpec, function: Invocable, rate_scale: float = 1) -> None:
        self._spec = spec
        self._function = function
        self._next = next_firing(spec, rate_scale)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        await cancelled(self._task)

    async def _run(self) -> None:
        now = datetime.now(ZoneInfo("UTC"))
        while due := self._next(now):
            await asyncio.sleep((due - datetime.now(due.tzinfo)).total_seconds())
            with suppress(ConcurrencyExceeded, InvocationTooLarge):
                await self._function.invoke(firing(self._spec, due).encode())
            now = due


def schedule_timers(
    template: SamTemplate, functions: Mapping[str, Invocable], rate_scale: float = 1
) -> list[ScheduleTimer]:
    """The timers of the enabled schedules. Those with a rate fire `rate_scale` times as often. Raises TemplateError."""
    return [ScheduleTimer(spec, functions[spec.function], rate_scale) for spec in template.schedules if spec.enabled]


def firing(spec: ScheduleSpec, due: datetime) -> str:
    """The payload with the scheduler's context attributes filled in."""
    attributes = {
        "<aws.scheduler.schedule-arn>": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{spec.name}",
        "<aws.scheduler.scheduled-time>": due.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "<aws.scheduler.execution-id>": str(uuid4()),
        "<aws.scheduler.attempt-number>": "1",
    }
    payload = spec.input or "{}"
    for name, value in attributes.items():
        payload = payload.replace(name, value)
    return payload
