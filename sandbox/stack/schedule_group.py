"""Fires the schedules that a push made: it looks at the local EventBridge Scheduler, and keeps a timer for each."""

import asyncio
from typing import Any

from configuration.scheduler import PREFIX, Scheduler
from configuration.schedules import Schedule
from sandbox.stack.schedule_timers import Invocable, ScheduleTimer
from sandbox.stack.specs import ScheduleSpec
from sandbox.tasks import cancelled

_LOOK_AGAIN = 1.0  # seconds


class ScheduleGroup:
    """The group is asked each second, so that a push, a cancellation and an edited file are noticed alike."""

    def __init__(self, scheduler: Scheduler, function: Invocable) -> None:
        self._scheduler = scheduler
        self._function = function
        self._timers: dict[str, tuple[Any, ScheduleTimer]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        await cancelled(self._task)
        for _, timer in self._timers.values():
            await timer.stop()

    async def _run(self) -> None:
        while True:
            await self._adopt(await asyncio.to_thread(self._listed))
            await asyncio.sleep(_LOOK_AGAIN)

    def _listed(self) -> dict[str, Any]:
        listed = self._scheduler.listed(PREFIX)
        return {one["Name"]: one["LastModificationDate"] for one in listed if one["State"] == "ENABLED"}

    async def _adopt(self, listed: dict[str, Any]) -> None:
        """Starts a timer for each new or changed schedule, and stops those of schedules that are gone."""
        stale = [name for name, (changed, _) in self._timers.items() if listed.get(name) != changed]
        for name in stale:
            await self._timers.pop(name)[1].stop()
        if listed.keys() - self._timers.keys():
            pushed = await asyncio.to_thread(self._scheduler.pushed)
            for name in listed.keys() - self._timers.keys():
                schedule = pushed.get(name.removeprefix(PREFIX))
                if schedule:
                    timer = ScheduleTimer(_spec(schedule), self._function)
                    timer.start()
                    self._timers[name] = (listed[name], timer)


def _spec(schedule: Schedule) -> ScheduleSpec:
    return ScheduleSpec(
        PREFIX + schedule.name, "ScheduleFunction", schedule.expression, schedule.zone, schedule.input, enabled=True
    )
