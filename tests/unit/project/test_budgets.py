"""Each function imports, calls and connects to no more than budgets.toml allows, which needs no clock.

A cold start is slow because of what is imported, and an event because of what is called. Each mode runs in a fresh
process against canned answers of AWS and OMNI.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bench.scene import BASE, SECRET, webhook
from configuration.parameters import parameters_of
from sandbox import event_files
from sandbox.stack.sam_template import read_template
from sandbox.stack.settings import PROJECT
from tests.support.canned_cloud import canned_cloud

PREFIX = "/omni-relay/budget"
_FILE = tomllib.loads(Path(__file__).with_name("budgets.toml").read_text("utf-8"))
BUDGETS: dict[str, dict[str, Any]] = {mode: budget for mode, budget in _FILE.items() if isinstance(budget, dict)}
FUNCTIONS = {
    "handlers.webhook": "WebhookFunction",
    "handlers.delivery": "DeliveryFunction",
    "handlers.schedule": "ScheduleFunction",
}
OURS = {"aws", "handlers", "omni", "relay"}
# requests takes simplejson if it is there, and the build hasn't got it. The other is a compiled module's own.
STANDARD = frozenset(sys.stdlib_module_names) | {"__main__", "simplejson", "cython_runtime"}
TEMPLATE = read_template(PROJECT / "template.yaml", cloud_url="http://127.0.0.1")
PROCESS = {
    "AWS_LAMBDA_FUNCTION_NAME": "budget",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local-secret",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "PARAMETER_PREFIX": PREFIX,
}
PLANTED = {
    "an import at init": ("import cryptography\n", "imports cryptography at init"),
    "one of our own at init": ("import relay.explain.explainer\n", "imports relay.explain at init"),
    "an import of the first event": (
        "_planted(lambda: __import__('cryptography'))\n",
        "cryptography for the first event",
    ),
    "a call of each event": (
        "_planted(lambda: composition.clients.ssm().get_parameter(Name='planted'))\n",
        "calls GetParameter 1 times for a warm event",
    ),
    "a connection of each event": (
        "_planted(lambda: (composition.clients.dynamodb().close(), composition.configuration.cache_clear()))\n",
        "connections",
    ),
    "a call at init": ("composition.configuration().source('direct')\n", "at init"),
}
_PLANT = """
def _planted(plant):
    global handler
    real = handler
    def handler(event, context):
        plant()
        return real(event, context)
"""


def events_of(mode: str) -> tuple[str, list[Any]]:
    """Gives the module and two events of a mode such as `webhook direct`."""
    function, _, way = mode.partition(" ")
    if function == "webhook":
        return "handlers.webhook", [webhook(way), webhook(way)]
    return f"handlers.{function}", [event_files.load(function), _another(event_files.load(function))]


def _another(event: Any) -> Any:
    return json.loads(json.dumps(event).replace("1a1f4b77", "2b2f4b77").replace("T08:00:00", "T09:00:00"))


def probed(mode: str, folder: Path, source: Path = PROJECT / "src") -> dict[str, Any]:
    """Runs the mode's handler in a process of its own."""
    module, events = events_of(mode)
    secrets = {"sources": dict.fromkeys(BASE["sources"], SECRET)}
    found = parameters_of(BASE, secrets, PREFIX, omni_authorization="App budget-key")
    result = folder / "result.json"
    with canned_cloud({p.name: p.value for p in found}, PREFIX) as url:
        environment = dict(TEMPLATE.functions[FUNCTIONS[module]].environment) | PROCESS
        environment |= {
            "AWS_ENDPOINT_URL": url,
            "QUEUE_URL": f"{url}/queue",
            "DEAD_LETTER_QUEUE_URL": f"{url}/dead-letters",
            "PYTHONPATH": str(source),
        }
        command = [
            sys.executable,
            str(PROJECT / "tests" / "support" / "probe.py"),
            module,
            json.dumps(events),
            str(result),
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    content: dict[str, Any] = json.loads(result.read_text("utf-8"))
    return content


def parts(modules: list[str]) -> set[str]:
    """Gives the libraries' names, and our own packages to the second level."""
    found = set()
    for name in modules:
        top, *rest = name.split(".")
        if top in OURS:
            found.add(".".join([top, *rest[:1]]))
        elif top not in STANDARD and not top.startswith("_"):
            found.add(top)
    return found


def measured(result: dict[str, Any]) -> dict[str, Any]:
    """Gives what a mode uses, in the form of budgets.toml."""
    init, first = parts(result["init"]), parts(result["first"])
    return {
        "init": sorted(init),
        "first": sorted(first - init),
        "modules": len(result["first"]),
        "calls at init": result["calls at init"],
        "cold": result["calls first"],
        "warm": result["calls warm"],
    }


def offences(budget: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Names all that exceeds the budget."""
    told = [f"imports {name} at init" for name in found["init"] if name not in budget["init"]]
    allowed = {*budget["init"], *budget["first"]}
    told += [f"imports {name} for the first event" for name in found["first"] if name not in allowed]
    if found["modules"] > budget["modules"]:
        told.append(f"imports {found['modules']} modules, not {budget['modules']}")
    for step, when in (("calls at init", "at init"), ("cold", "for the first event"), ("warm", "for a warm event")):
        for call, count in found[step].items():
            if count > budget.get(step, {}).get(call, 0):
                told.append(f"calls {call} {count} times {when}")
    return told


@pytest.mark.parametrize("mode", BUDGETS)
def test_a_function_stays_within_its_budget(mode: str, tmp_path: Path):
    found = measured(probed(mode, tmp_path))
    assert offences(BUDGETS[mode], found) == [], f"if it is worth it, put this into budgets.toml: {found}"


@pytest.mark.parametrize("mode", BUDGETS)
def test_a_budget_asks_for_no_more_than_is_used(mode: str, tmp_path: Path):
    found, budget = measured(probed(mode, tmp_path)), BUDGETS[mode]
    assert offences(found | {"modules": budget["modules"]}, budget) == [], "lower the budget in budgets.toml"
    assert budget["modules"] <= found["modules"] * 1.03, "lower the number of modules in budgets.toml"


@pytest.mark.parametrize("mode", BUDGETS)
def test_the_events_of_a_mode_are_dealt_with(mode: str, tmp_path: Path):
    dealt_with = {
        "webhook direct": lambda answer: answer["statusCode"] == 200,
        "webhook queued": lambda answer: answer["statusCode"] == 202,
        "delivery": lambda answer: answer == {"batchItemFailures": []},
        "schedule": lambda answer: [result["outcome"] for result in answer] == ["sent"],
    }
    assert all(map(dealt_with[mode], probed(mode, tmp_path)["answers"]))


@pytest.mark.parametrize("plant", PLANTED)
def test_an_offence_that_is_planted_is_named(plant: str, tmp_path: Path):
    code, told = PLANTED[plant]
    source = tmp_path / "src"
    shutil.copytree(PROJECT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    handler = source / "handlers" / "webhook.py"
    handler.write_text(handler.read_text("utf-8") + _PLANT + code, "utf-8")
    found = offences(BUDGETS["webhook direct"], measured(probed("webhook direct", tmp_path, source)))
    assert any(told in offence for offence in found), found
