"""`schedules:` of relay.yaml: a push keeps EventBridge Scheduler in step, and the local stack fires them."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
import yaml

from sandbox.running import announced
from sandbox.stack.settings import StackSettings
from sandbox.stack.stack import Stack
from tests.integration.cli.conftest import Command
from tests.support.moto_stack import GROUP

pytestmark = pytest.mark.slow  # each test starts the command several times, a second each
NOTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "Good morning"}
EVENT = {"source": "ci", "body": {"result": "failed"}}
CONFIG: dict[str, Any] = {
    "scenarios": {"incident": "AD9E01A5DC7BEE2C2B828D208182A611"},
    "sources": {"ci": {"verify": "bearer"}},
    "schedules": {
        "morning": {"cron": "0 8 ? * MON-FRI *", "zone": "Europe/Zurich", "notification": NOTE},
        "probe": {"rate": "15 minutes", "event": EVENT},
        "party": {"at": "2031-12-24T18:00", "notification": NOTE},
    },
}


def write(folder: Path, schedules: Mapping[str, Any]) -> None:
    (folder / "relay.yaml").write_text(yaml.safe_dump({**CONFIG, "schedules": schedules}))


def stored() -> dict[str, Any]:
    scheduler = boto3.client("scheduler")
    names = [one["Name"] for one in scheduler.list_schedules(GroupName=GROUP)["Schedules"]]
    return {name: scheduler.get_schedule(GroupName=GROUP, Name=name) for name in names}


def test_a_push_keeps_the_group_in_step_with_the_file(omni_relay: Command) -> None:
    write(omni_relay.folder, CONFIG["schedules"])
    run = omni_relay("push", "--yes")
    assert run.code == 0, run.err
    assert '        + when: "cron(0 8 ? * MON-FRI *)"' in run.out
    made = stored()
    assert {name: one["ScheduleExpression"] for name, one in made.items()} == {
        "pushed.morning": "cron(0 8 ? * MON-FRI *)",
        "pushed.probe": "rate(15 minutes)",
        "pushed.party": "at(2031-12-24T18:00:00)",
    }
    assert made["pushed.morning"]["ScheduleExpressionTimezone"] == "Europe/Zurich"
    identity = "<aws.scheduler.schedule-arn> <aws.scheduler.scheduled-time>"
    assert json.loads(made["pushed.morning"]["Target"]["Input"]) == {"id": identity, **NOTE}
    assert json.loads(made["pushed.probe"]["Target"]["Input"]) == {
        "id": identity,
        "source": "ci",
        "event": {"result": "failed"},
    }

    own = {
        "Arn": "arn:aws:lambda:eu-central-1:123456789012:function:other",
        "RoleArn": "arn:aws:iam::123456789012:role/r",
    }
    boto3.client("scheduler").create_schedule(
        GroupName=GROUP,
        Name="by-hand",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=own,
    )
    write(omni_relay.folder, {"morning": CONFIG["schedules"]["morning"] | {"cron": "0 9 ? * * *"}})
    run = omni_relay("push", "--yes")
    assert "DELETE  schedule party" in run.out
    assert '        + when: "cron(0 9 ? * * *)"' in run.out
    assert stored().keys() == {"pushed.morning", "by-hand"}
    assert [line.split()[0] for line in omni_relay("schedules", "list").out.splitlines()] == [
        "schedule",
        "by-hand",
        "morning",
    ]

    omni_relay("rollback", "--yes")
    assert stored().keys() == {"pushed.morning", "pushed.probe", "pushed.party", "by-hand"}


def test_a_cancelled_schedule_is_gone_until_the_next_push(omni_relay: Command) -> None:
    write(omni_relay.folder, CONFIG["schedules"])
    omni_relay("push", "--yes")
    assert omni_relay("schedules", "cancel", "probe").code == 2  # nobody can answer
    assert omni_relay("schedules", "cancel", "probe", "--yes").code == 0
    assert "pushed.probe" not in stored()
    assert "add     schedule probe" in omni_relay("plan").out
    wrong = omni_relay("schedules", "cancel", "prob", "--yes")
    assert (wrong.code, "no push made a schedule prob" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"cron": "0 8 * * MON *", "notification": NOTE}, "cron: expected six fields, one of the two days ?"),
        ({"rate": "5 mins", "notification": NOTE}, "rate: expected a number and minutes, hours or days"),
        ({"at": "tomorrow", "notification": NOTE}, "at: expected a date and time without a zone"),
        ({"rate": "1 hour", "zone": "Europe/Zürich", "notification": NOTE}, "zone: expected a time zone"),
        ({"rate": "1 hour", "cron": "0 8 ? * * *", "notification": NOTE}, "expected one of cron, rate and at"),
        ({"rate": "1 hour"}, "expected either a notification or an event"),
        ({"rate": "1 hour", "notifcation": NOTE}, "Did you mean notification?"),
        ({"rate": "1 hour", "notification": NOTE | {"scenario": "incidnet"}}, "Did you mean incident?"),
        ({"rate": "1 hour", "notification": NOTE | {"to": [{"phone": "079"}]}}, "notification.to[0].phone"),
        ({"rate": "1 hour", "event": {"source": "cii", "body": {}}}, "Did you mean ci?"),
        ({"rate": "1 hour", "event": {"source": "ci"}}, "event: expected source and body"),
    ],
)
def test_a_mistake_in_a_schedule_is_named_with_its_place(omni_relay: Command, schedule: Any, words: str) -> None:
    write(omni_relay.folder, {"morning": schedule})
    run = omni_relay("check")
    assert run.code == 3
    assert "relay.yaml:" in run.out
    assert "schedule morning" in run.out
    assert words in run.out


@pytest.fixture
def local(
    stack_settings: Callable[..., StackSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Stack, Command]]:
    """A running local stack without schedules, and the command that finds it."""
    write(tmp_path, {})
    monkeypatch.setenv("RUN_FILE", str(tmp_path / "run.json"))
    monkeypatch.setenv("CONFIG", str(tmp_path / "relay.yaml"))
    config = {**CONFIG, "schedules": {}}
    with Stack(stack_settings(config=config, secrets={}, processes=1)) as stack, announced(stack):
        yield stack, Command(tmp_path, {"RUN_FILE": str(tmp_path / "run.json")})


def test_the_local_stack_fires_what_was_pushed_and_runs_one_now(
    local: tuple[Stack, Command], eventually: Callable[..., Any]
) -> None:
    stack, omni_relay = local
    soon = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=12)
    write(omni_relay.folder, {"soon": {"at": soon.isoformat(timespec="seconds"), "notification": NOTE}})
    run = omni_relay("push", "--local", "--yes")
    assert run.code == 0, run.err
    ran = omni_relay("schedules", "run", "soon", "--local")
    assert (ran.code, ran.out.startswith("soon: sent as event run-")) == (0, True), ran.err
    eventually(lambda: len(_messages(stack)) == 2, 40)  # the other one fired by itself


def _messages(stack: Stack) -> list[Any]:
    found: list[Any] = requests.get(f"{stack.sandbox_url}/sandbox/messages", timeout=5).json()["messages"]
    return found
