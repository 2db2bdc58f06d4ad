"""Carries a plan out: records it first, then writes each parameter, the index last. Each step can be repeated."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from cli.history import LEASE_SECONDS, Entry, History
from cli.plans import Change, Plan, State
from configuration.parameters import Parameter
from configuration.scheduler import Scheduler, as_text, from_text
from configuration.schedules import Schedule

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_SCHEDULES = "schedules/"
_AT_ONCE = 10  # names in one call of DeleteParameters
_BASELINE = "what was there before the first recorded push"


class _Key(TypedDict, total=False):
    KeyId: str


@dataclass(frozen=True, slots=True)
class Store:
    """The parameters of one installation. Names have no prefix here."""

    client: "SSMClient"
    prefix: str
    kms_key_id: str | None = None  # of secrets; the account's aws/ssm if it is None
    scheduler: Scheduler | None = None

    def state(self) -> dict[str, Parameter]:
        """Gives the parameters in SSM, and the schedules that pushes made as `schedules/{name}`."""
        pushed = self.scheduler.pushed() if self.scheduler else {}
        return self._parameters() | {one.name: one for one in map(schedule_parameter, pushed.values())}

    def _parameters(self) -> dict[str, Parameter]:
        pages = self.client.get_paginator("get_parameters_by_path").paginate(
            Path=self.prefix, Recursive=True, WithDecryption=True
        )
        found = [one for page in pages for one in page["Parameters"]]
        names = [one["Name"].removeprefix(f"{self.prefix}/") for one in found]
        return {name: Parameter(name, one["Type"], one["Value"]) for name, one in zip(names, found, strict=True)}

    def write(self, parameter: Parameter) -> None:
        if parameter.type == "Schedule":
            if self.scheduler:
                self.scheduler.write(from_text(parameter.name.removeprefix(_SCHEDULES), parameter.value))
            return
        key: _Key = {"KeyId": self.kms_key_id} if self.kms_key_id and parameter.type == "SecureString" else {}
        self.client.put_parameter(
            Name=f"{self.prefix}/{parameter.name}",
            Value=parameter.value,
            Type=parameter.type,
            Overwrite=True,
            **key,
        )

    def delete(self, names: Iterable[str]) -> None:
        given = list(names)
        for name in given:
            if self.scheduler and name.startswith(_SCHEDULES):
                self.scheduler.delete(name.removeprefix(_SCHEDULES))
        waiting = [f"{self.prefix}/{name}" for name in given if not name.startswith(_SCHEDULES)]
        while waiting:
            self.client.delete_parameters(Names=waiting[:_AT_ONCE])
            waiting = waiting[_AT_ONCE:]


def schedule_parameter(schedule: Schedule) -> Parameter:
    """Gives a schedule as plans and the history keep it."""
    return Parameter(f"{_SCHEDULES}{schedule.name}", "Schedule", as_text(schedule))


def made_once(current: State) -> Iterator[Parameter]:
    """Gives the secrets that no file holds and that the functions need: those that are there, or else new ones."""
    fresh = {"reports/token": secrets.token_urlsafe(32), "records/key": secrets.token_hex(32)}
    for name, value in fresh.items():
        yield current.get(name) or Parameter(name, "SecureString", value)


def carry_out(store: Store, history: History, plan: Plan, entry: Entry, done: Callable[[Change], None]) -> Entry:
    """Gives the push as recorded. `done` is told of each change after it was made.

    The next push completes one that dies on the way, because a plan compares with what SSM really holds.

    Raises:
        PushedMeanwhile: nothing was changed; or this push stood still, and another one took over.
    """
    made = history.begin(entry, plan.after)
    beat = time.monotonic()
    for change in sorted((c for c in plan.changes if c.after), key=lambda c: c.is_index):
        if time.monotonic() - beat > LEASE_SECONDS / 4:
            history.go_on(made)
            beat = time.monotonic()
        if change.after:
            store.write(change.after)
        done(change)
    deleted = [change for change in plan.changes if change.after is None]
    store.delete(change.name for change in deleted)
    for change in deleted:
        done(change)
    history.finish(made.number)
    return made


def record_baseline(history: History, current: State, at: str) -> int:
    """Records what an installation holds that was never pushed by this command, so that a rollback can go there.

    Gives the number of the last push, which is 0 if there is nothing yet.
    """
    head = history.head()
    whole = {name: one for name, one in current.items() if one.type != "SecureString"}
    if head.number or not any(name.startswith("sources/") for name in whole):
        return head.number
    entry = history.begin(Entry(0, at, "unknown", message=_BASELINE, done=True), whole)
    return entry.number
