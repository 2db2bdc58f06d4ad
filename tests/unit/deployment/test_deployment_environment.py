"""The functions are given all that their code reads, and in AWS nothing that belongs to this machine."""

import json
import re
from pathlib import Path
from typing import Any

from handlers.environment import Environment
from relay.message.notifications import parse_notification
from sandbox.stack.intrinsics import load_yaml
from sandbox.stack.sam_template import read_template
from sandbox.stack.sandbox_server import KEY_SETS_PATH, SNS_PATH
from sandbox.stack.specs import FunctionSpec, SamTemplate

_READ = re.compile(r"""environ(?:\.get\(|\[)\s*["']([A-Z_]+)["']""")


def test_each_function_understands_its_environment(function: FunctionSpec) -> None:
    read = Environment.read(function.environment)

    assert read.queue_url != read.dead_letter_queue_url


def test_every_variable_that_the_code_reads_by_name_is_set(function: FunctionSpec, project: Path) -> None:
    files = [path for path in (project / "src").rglob("*.py") if path.name != "build.py"]
    read = {name for path in files for name in _READ.findall(path.read_text())}

    assert read, "the pattern finds no variable any more"
    assert {name for name in read if not name.startswith(("AWS_", "_"))} <= function.environment.keys()


def test_in_aws_nothing_points_the_functions_at_a_stand_in(function: FunctionSpec) -> None:
    assert not [name for name in function.environment if name.startswith("AWS_")]


def test_metrics_of_two_stages_do_not_mix(project: Path) -> None:
    names = {
        read_template(project / "template.yaml", cloud_url="http://cloud.test", parameters={"Stage": stage})
        .functions["WebhookFunction"]
        .environment["POWERTOOLS_SERVICE_NAME"]
        for stage in ("dev", "prod")
    }

    assert len(names) == 2


def test_local_containers_look_where_the_local_stack_creates(project: Path) -> None:
    host = "http://host.docker.internal:4566"
    created = read_template(project / "template.yaml", cloud_url=host).functions["WebhookFunction"].environment
    given = load_yaml(project / "sandbox" / "sam-local.json")["Parameters"]

    assert given.pop("AWS_ENDPOINT_URL") == host
    assert given.pop("AWS_ENDPOINT_URL_SNS") == f"http://host.docker.internal:8025{SNS_PATH}"
    assert given.pop("KEY_SETS_ENDPOINT_URL") == f"http://host.docker.internal:8025{KEY_SETS_PATH}"
    names = ("TABLE_NAME", "RECORDS_TABLE_NAME", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL")
    assert given == {name: created[name] for name in names}


def test_sam_can_set_every_variable_that_local_containers_need(project: Path, document: dict[str, Any]) -> None:
    # SAM drops silently what the template doesn't name.
    given = load_yaml(project / "sandbox" / "sam-local.json")["Parameters"]

    assert given.keys() <= document["Globals"]["Function"]["Environment"]["Variables"].keys()


def test_each_function_has_a_handler(function: FunctionSpec, project: Path) -> None:
    module, _, name = function.handler.rpartition(".")
    source = (project / "src" / module.replace(".", "/")).with_suffix(".py").read_text()

    assert re.search(rf"^(def {name}\(|{name} =)", source, re.MULTILINE)


def test_the_example_schedule_carries_a_notification_of_the_example_configuration(
    template: SamTemplate, project: Path
) -> None:
    [schedule] = (one for one in template.schedules if one.function == "ScheduleFunction")
    carried = parse_notification(json.loads(schedule.input or ""))

    assert carried.id == "<aws.scheduler.schedule-arn> <aws.scheduler.scheduled-time>"  # what no attempt changes
    assert carried.scenario in load_yaml(project / "relay.yaml")["scenarios"]
