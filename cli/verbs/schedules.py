"""`omni-relay schedules`: what fires when; fire one now, cancel one."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from cli.frame import Mistake, Refused, prints, verb
from cli.output import Output
from cli.proposals import ask, scheduler_of
from cli.target import Target, targets

if TYPE_CHECKING:
    from configuration.scheduler import Scheduler

_FUNCTION = "ScheduleFunction"


@click.group(
    "schedules",
    epilog="\b\nExamples:\n  omni-relay schedules list\n  omni-relay schedules run morning\n"
    "  omni-relay schedules cancel morning",
)
def command() -> None:
    """List the schedules, fire one now, or cancel one.

    `schedules:` in relay.yaml says what fires when, and `push` keeps EventBridge Scheduler in step with it.
    """


@verb("list", "omni-relay schedules list", "omni-relay schedules list --local --json")
@targets
@prints
def listed(*, target: Target, out: Output) -> None:
    """List all schedules of the stack's group: those of relay.yaml, and others."""
    scheduler = _scheduler(target)
    names = sorted(one["Name"] for one in scheduler.listed())
    found = [_told(scheduler.client.get_schedule(GroupName=scheduler.group, Name=name)) for name in names]
    out.data(found)
    if not found:
        out.line(f"{target.name} has no schedules.")
        return
    out.table(
        ("schedule", "fires", "zone", "state", "of"),
        [(one["name"], one["expression"], one["zone"], one["state"].lower(), one["origin"]) for one in found],
    )


@verb("run", "omni-relay schedules run morning", "omni-relay schedules run morning --local")
@click.argument("name")
@targets
@prints
def run(*, target: Target, out: Output, name: str) -> None:
    """Fire the schedule NAME of relay.yaml now, as an event of its own."""
    payload = json.loads(_pushed(_scheduler(target), name).input)
    fired = {**payload, "id": f"run-{uuid4()}"}
    client, function, qualifier = _function(target)
    answer = client.invoke(FunctionName=function, Payload=json.dumps(fired).encode(), **qualifier)
    content = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise Refused(f"the relay didn't take it: {content.get('errorMessage', content)}")
    out.data({"id": fired["id"], "outcomes": content})
    for outcome in content:
        out.line(f"{name}: {outcome['outcome']} as event {outcome['eventId']}", "green")


@verb("cancel", "omni-relay schedules cancel morning", "omni-relay schedules cancel morning --yes")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@targets
@prints
def cancel(*, target: Target, out: Output, name: str, yes: bool) -> None:
    """Delete the schedule NAME. The next push makes it again, unless it is gone from relay.yaml by then."""
    scheduler = _scheduler(target)
    schedule = _pushed(scheduler, name)
    ask(out, f"Cancel {name}, {schedule.expression}?", yes=yes)
    scheduler.delete(name)
    out.data({"cancelled": name})
    out.line(f"{name} is cancelled. Take it out of relay.yaml, too: the next push would make it again.", "yellow")


for inner in (listed, run, cancel):
    command.add_command(inner)


def _scheduler(target: Target) -> "Scheduler":
    scheduler = scheduler_of(target)
    if scheduler is None:
        raise Mistake(f"stack {target.name} is older than this command, and names no schedules: deploy it again")
    return scheduler


def _pushed(scheduler: "Scheduler", name: str) -> Any:
    from configuration.mistakes import nearest

    pushed = scheduler.pushed()
    if name not in pushed:
        near = nearest(name, pushed)
        raise Mistake(f"no push made a schedule {name}{f'. Did you mean {near}?' if near else ''}")
    return pushed[name]


def _told(found: Mapping[str, Any]) -> dict[str, Any]:
    from configuration.scheduler import PREFIX

    name = found["Name"]
    return {
        "name": name.removeprefix(PREFIX),
        "expression": found["ScheduleExpression"],
        "zone": found.get("ScheduleExpressionTimezone", "UTC"),
        "state": found["State"],
        "origin": "relay.yaml" if name.startswith(PREFIX) else "elsewhere",
    }


def _function(target: Target) -> tuple[Any, str, Mapping[str, str]]:
    """Gives a client of Lambda, the function's name, and its alias."""
    if target.run is not None:
        return target.client("lambda", target.run["urls"]["lambda"]), _FUNCTION, {}
    return target.client("lambda"), target.output("ScheduleFunctionArn"), {}
