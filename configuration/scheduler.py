"""The schedules of a push in EventBridge Scheduler: in the stack's own group, under names that begin with `pushed.`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from configuration.schedules import Schedule

PREFIX = "pushed."
_RETRIES = {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600}


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a schedule, by ARNs: the function, the role for it, and the queue for firings that fail."""

    function: str
    role: str
    dead_letters: str


@dataclass(frozen=True, slots=True)
class Scheduler:
    """`client` is boto3's of the service `scheduler`."""

    client: Any
    group: str
    target: Target

    def pushed(self) -> dict[str, Schedule]:
        """Gives the schedules that pushes made, by their names in relay.yaml."""
        found = [self.client.get_schedule(GroupName=self.group, Name=one["Name"]) for one in self.listed(PREFIX)]
        return {one["Name"].removeprefix(PREFIX): _read(one) for one in found}

    def listed(self, prefix: str = "") -> Iterator[Mapping[str, Any]]:
        """Gives what Scheduler lists: names, states and times of change, without expressions."""
        given = {"NamePrefix": prefix} if prefix else {}
        for page in self.client.get_paginator("list_schedules").paginate(GroupName=self.group, **given):
            yield from page["Schedules"]

    def write(self, schedule: Schedule) -> None:
        """Creates the schedule, or puts it in the place of the one of that name."""
        given = {
            "GroupName": self.group,
            "Name": PREFIX + schedule.name,
            "ScheduleExpression": schedule.expression,
            "ScheduleExpressionTimezone": schedule.zone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "Target": {
                "Arn": self.target.function,
                "RoleArn": self.target.role,
                "DeadLetterConfig": {"Arn": self.target.dead_letters},
                "RetryPolicy": _RETRIES,
                "Input": schedule.input,
            },
        }
        try:
            self.client.update_schedule(**given)
        except self.client.exceptions.ResourceNotFoundException:
            self.client.create_schedule(**given)

    def delete(self, name: str) -> None:
        """Deletes a schedule of a push; one that isn't there any more is no error."""
        try:
            self.client.delete_schedule(GroupName=self.group, Name=PREFIX + name)
        except self.client.exceptions.ResourceNotFoundException:
            return

    def replace(self, before: Mapping[str, Schedule], after: Mapping[str, Schedule]) -> None:
        """Writes what differs, and deletes what is gone."""
        for name, schedule in after.items():
            if before.get(name) != schedule:
                self.write(schedule)
        for name in before.keys() - after.keys():
            self.delete(name)


def as_text(schedule: Schedule) -> str:
    """Gives a schedule as one value, as plans and the history keep it."""
    payload = json.loads(schedule.input)
    return json.dumps({"when": schedule.expression, "zone": schedule.zone, "payload": payload}, ensure_ascii=False)


def from_text(name: str, text: str) -> Schedule:
    """Reads what `as_text` gave."""
    value = json.loads(text)
    return Schedule(name, value["when"], value["zone"], json.dumps(value["payload"], ensure_ascii=False))


def _read(found: Mapping[str, Any]) -> Schedule:
    return Schedule(
        found["Name"].removeprefix(PREFIX),
        found["ScheduleExpression"],
        found.get("ScheduleExpressionTimezone", "UTC"),
        found["Target"].get("Input", "{}"),
    )
