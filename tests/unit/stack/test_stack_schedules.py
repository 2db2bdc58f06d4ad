"""Schedules fire when EventBridge Scheduler's expressions say."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.stack.intrinsics import TemplateError
from sandbox.stack.invocations import FunctionOutcome
from sandbox.stack.schedule_timers import firing, next_firing, schedule_timers
from sandbox.stack.specs import SamTemplate, ScheduleSpec, ThrottleSpec

SPEC = ScheduleSpec("Daily", "ScheduleFunction", "rate(1 day)", "UTC", None, enabled=True)
FRIDAY = datetime(2026, 1, 2, 10, 30, 20, tzinfo=UTC)


def following(expression: str, timezone: str = "UTC", after: datetime = FRIDAY) -> str | None:
    due = next_firing(replace(SPEC, expression=expression, timezone=timezone))(after)
    return due.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if due else None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 8 ? * MON-FRI *)", "2026-01-05 08:00"),
        ("cron(0/15 * * * ? *)", "2026-01-02 10:45"),
        ("cron(31 10 * * ? *)", "2026-01-02 10:31"),
        ("cron(30 10 * * ? *)", "2026-01-03 10:30"),
        ("cron(0 12 1 JAN,JUL ? *)", "2026-07-01 12:00"),
        ("cron(59 23 31 12 ? 2027)", "2027-12-31 23:59"),
        ("cron(0 0 29 2 ? *)", "2028-02-29 00:00"),
        ("cron(0 9 ? * 1 *)", "2026-01-04 09:00"),  # 1 is Sunday
        ("cron(0 9 ? * sat,sun *)", "2026-01-03 09:00"),
        ("cron(0 0 30 2 ? *)", None),
        ("at(2026-01-02T11:00:00)", "2026-01-02 11:00"),
        ("at(2026-01-02T10:00:00)", None),
        ("rate(5 minutes)", "2026-01-02 10:35"),
        ("rate(1 hour)", "2026-01-02 11:30"),
    ],
)
def test_an_expression_has_its_next_time(expression: str, expected: str | None) -> None:
    assert following(expression) == expected


def test_a_rate_can_come_more_often_here_and_a_time_of_day_can_not() -> None:
    each_minute, daily = replace(SPEC, expression="rate(1 minute)"), replace(SPEC, expression="cron(31 10 * * ? *)")
    assert next_firing(each_minute, 12)(FRIDAY) == FRIDAY + timedelta(seconds=5)
    assert next_firing(daily, 12)(FRIDAY) == next_firing(daily)(FRIDAY)


def test_the_hour_is_that_of_the_schedules_time_zone_in_summer_and_winter() -> None:
    morning = "cron(0 8 * * ? *)"
    assert following(morning, "Europe/Zurich") == "2026-01-03 07:00"
    assert following(morning, "Europe/Zurich", FRIDAY + timedelta(days=180)) == "2026-07-02 06:00"


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 8 * *)",
        "cron(61 8 * * ? *)",
        "cron(0 8 L * ? *)",
        "rate(2 moons)",
        "every day",
        "at(noon)",
        "cron(a b c d e f)",
    ],
)
def test_an_expression_that_is_not_understood_is_named(expression: str) -> None:
    with pytest.raises(TemplateError, match="Daily"):
        following(expression)


def test_the_payload_carries_when_and_which_firing_it_is() -> None:
    spec = replace(SPEC, input='{"id": "<aws.scheduler.execution-id>", "at": "<aws.scheduler.scheduled-time>"}')
    first, second = (json.loads(firing(spec, FRIDAY)) for _ in range(2))
    assert first["at"] == "2026-01-02T10:30:20Z"
    assert first["id"] != second["id"]


class Recorder:
    """A function that keeps the payloads of its invocations."""

    def __init__(self) -> None:
        self.invoked = asyncio.Event()
        self.payloads: list[bytes] = []

    async def invoke(self, payload: bytes) -> FunctionOutcome:
        self.payloads.append(payload)
        self.invoked.set()
        return FunctionOutcome(b"null")


def test_the_enabled_schedules_fire_and_the_disabled_do_not() -> None:
    async def run() -> tuple[Recorder, Recorder]:
        due = (datetime.now(UTC) + timedelta(seconds=1)).strftime("at(%Y-%m-%dT%H:%M:%S.%f)")
        on = replace(SPEC, expression=due, input='{"it": "fired"}', function="On")
        functions = {"On": Recorder(), "Off": Recorder()}
        template = SamTemplate({}, (), ThrottleSpec(), {}, (), {}, (on, replace(on, function="Off", enabled=False)))
        running = schedule_timers(template, functions)
        for scheduler in running:
            scheduler.start()
        await asyncio.wait_for(functions["On"].invoked.wait(), 10)
        for scheduler in running:
            await scheduler.stop()
        return functions["On"], functions["Off"]

    on, off = asyncio.run(run())
    assert on.payloads == [b'{"it": "fired"}']
    assert off.payloads == []
