"""The steps of a deployment's life, in order, and what each must leave. The report tells moto's part from ours."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from moto.cloudformation.parsing import get_model_map

from configuration.files import read_yaml
from sandbox import event_files
from sandbox.rehearsal.deployed_functions import DeployedFunctions, running
from sandbox.rehearsal.deployment import LISTED_TYPES, STACK, Deployment
from sandbox.rehearsal.templates import (
    CODE,
    MotoCopy,
    StackTemplate,
    Translated,
    copy_for_moto,
    schema_mistakes,
    translate,
)
from sandbox.renewal import Sources
from sandbox.stack.cloud import CREDENTIALS, client
from sandbox.stack.settings import OMNI_AUTHORIZATION, PROJECT
from sandbox.stack.specs import REGION
from sandbox.stack.stack import Stack

Json = Any
STAGE = "rehearsal"
CREATED = {"Stage": STAGE}
UPDATED = CREATED | {"LogLevel": "WARNING"}
_HANDLERS = ("handlers.webhook.handler", "handlers.delivery.handler", "handlers.schedule.handler")


def made_by_moto() -> frozenset[str]:
    """The types of which moto's CloudFormation makes resources. Its versions of functions have no name to refer to."""
    return frozenset(get_model_map()) - {"AWS::Lambda::Version"}


class Failed(Exception):
    """A step's result isn't what it must be."""


@dataclass(slots=True)
class Rehearsal:
    """`surroundings` run moto's server and the OMNI API; `report` gets each line of the report."""

    surroundings: Stack
    template: Path
    logs: Path
    report: Callable[[str], None]
    deployment: Deployment = field(init=False)
    made_by_moto: frozenset[str] = field(init=False)
    functions: frozenset[str] = frozenset()
    first_event: Json = None
    waiting: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.deployment = Deployment(self.surroundings.aws_url)
        self.made_by_moto = made_by_moto()

    async def run(self) -> None:
        """Raises Failed, CannotTranslate, FunctionFailed and ClientError at the first step that goes wrong."""
        before = self.deployment.inventory()
        translated = self.translate()
        copy = self.create(translated)
        self.push()
        await self.invoke(first=True)
        self.update(translated)
        await self.invoke(first=False)
        self.delete(translated, copy, before)

    def translate(self) -> Translated:
        translated = translate(self.template, CREATED)
        mistakes = schema_mistakes(translated.template)
        _must(not mistakes, f"the translated template breaks AWS's schemas: {mistakes}")
        types = translated.types()
        self.functions = frozenset(name for name, kind in types.items() if kind == "AWS::Lambda::Function")
        left_out = sorted({kind for kind in types.values() if kind not in self.made_by_moto})
        self.report(f"translated   {len(types)} resources by aws-sam-translator {translated.translator}")
        self.report("checked      all properties by AWS's schemas (cfn-lint)")
        self.report(f"left out     {len(left_out)} types that moto doesn't make; only the schemas check them:")
        for kind in left_out:
            self.report(f"               {kind}: {', '.join(sorted(n for n, t in types.items() if t == kind))}")
        return translated

    def create(self, translated: Translated) -> MotoCopy:
        self.deployment.upload(CODE["Bucket"], CODE["Key"], PROJECT / "src")
        copy = copy_for_moto(translated.template, CREATED, self.made_by_moto)
        status = self.deployment.create(copy.template, CREATED)
        _must(status == "CREATE_COMPLETE", f"the stack is {status}")
        made = self.deployment.physical_ids()
        missing = copy.template["Resources"].keys() - made.keys()
        _must(not missing, f"moto has not made {sorted(missing)}")
        self.report(f"created      {len(made)} resources in moto's CloudFormation")
        return copy

    def push(self) -> None:
        """Pushes relay.yaml by the operator's own command."""
        sandbox = self.surroundings.sandbox_url
        options = ("--stack", STACK, "--yes", "--secrets", "secrets.local.yaml", "--omni-base-url", sandbox)
        aws = {"AWS_ENDPOINT_URL": self.deployment.aws_url, "AWS_DEFAULT_REGION": REGION, **CREDENTIALS}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "src:.", "OMNI_AUTHORIZATION": OMNI_AUTHORIZATION}
        command = [sys.executable, "-m", "cli", "push", *options]
        done = subprocess.run(command, cwd=PROJECT, env=environment | aws, capture_output=True, text=True, check=False)
        _must(done.returncode == 0, f"the configuration can't be pushed: {done.stderr}")
        self.report(f"pushed       {done.stdout.splitlines()[-1]}")

    async def invoke(self, *, first: bool) -> None:
        """Invokes each function by its deployed name. A second time, what was sent before must be remembered."""
        names = {spec.handler: spec for spec in self._functions() if spec.handler.startswith("handlers.")}
        async with running(names.values(), self.deployment.aws_url, self.logs) as functions:
            for handler, events in zip(_HANDLERS, (self._webhook, self._delivery, self._schedule), strict=True):
                said = await events(functions, names[handler].name, first=first)
                self.report(f"invoked      {names[handler].name}: {said}")
        others = sorted(spec.name for spec in self._functions() if spec.handler not in _HANDLERS)
        if others:
            self.report(f"               not invoked, because no event is known for it: {', '.join(others)}")

    async def _webhook(self, functions: DeployedFunctions, name: str, *, first: bool) -> str:
        """One event is sent at once and one is queued. A copy of the first, after the update, is a duplicate."""
        if first:
            self.first_event = event_files.fresh("github-release", self._sources())
        direct = _content(await functions.invoke(name, self.first_event))
        _must(direct["outcome"] == "sent" and bool(direct.get("duplicate")) is not first, f"{name} says {direct}")
        queued = _content(await functions.invoke(name, event_files.fresh("shopify-order-paid", self._sources())))
        _must(queued["outcome"] == "queued", f"{name} says {queued}")
        return f"sent{'' if first else ' before the update, and remembered'}; queued"

    async def _delivery(self, functions: DeployedFunctions, name: str, *, first: bool) -> str:
        """Delivers the queue's messages. The first time, one is left in the queue, to be delivered after the update."""
        sqs, url = client("sqs", self.deployment.aws_url), self.deployment.outputs()["QueueUrl"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        _must(bool(messages), "the queue holds nothing")
        ids = {message["MessageId"] for message in messages}
        if first:
            self.waiting = ids
            return "what the queue holds waits until after the update"
        _must(ids >= self.waiting, "what waited before the update is gone")
        sent = self._sent()
        answer = await functions.invoke(name, {"Records": [_record(message) for message in messages]})
        _must(answer == {"batchItemFailures": []}, f"{name} says {answer}")
        _must(self._sent() > sent, f"{name} has sent nothing")
        return "what waited before the update is sent"

    async def _schedule(self, functions: DeployedFunctions, name: str, *, first: bool) -> str:
        sent = self._sent()
        event = event_files.load("schedule") | {"id": f"firing-{first}"}
        await functions.invoke(name, event)
        _must(self._sent() > sent, f"{name} has sent nothing")
        return "sent"

    def update(self, translated: Translated) -> None:
        """Updates the stack with a changed parameter, a new alarm and a new log group."""
        changed: StackTemplate = deepcopy(translated.template)
        resources = changed["Resources"]
        alarm = next(name for name, kind in translated.types().items() if kind == "AWS::CloudWatch::Alarm")
        resources["AddedAlarm"] = deepcopy(resources[alarm])
        resources["AddedLogs"] = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/rehearsal/added"}}
        _must(not schema_mistakes(changed), "the changed template breaks AWS's schemas")
        before = self.deployment.physical_ids()
        copy = copy_for_moto(changed, UPDATED, self.made_by_moto)
        status = self.deployment.update(copy.template, UPDATED)
        _must(status == "UPDATE_COMPLETE", f"the stack is {status}")
        after = self.deployment.physical_ids()
        _must(after.keys() - before.keys() == {"AddedLogs"}, f"the update made {after.keys() - before.keys()}")
        replaced = [name for name in copy.retained if before[name] != after[name]]
        _must(not replaced, f"the update replaced {replaced}")
        levels = {spec.environment.get("POWERTOOLS_LOG_LEVEL", UPDATED["LogLevel"]) for spec in self._functions()}
        _must(levels == {UPDATED["LogLevel"]}, f"the functions log at {levels}")
        self.report("updated      a parameter reached each function; a log group was added; the alarm by schema only")

    def delete(self, translated: Translated, copy: MotoCopy, before: Mapping[str, frozenset[str]]) -> None:
        made, types = self.deployment.physical_ids(), translated.types()
        self.deployment.delete()
        left = {kind: names - before[kind] for kind, names in self.deployment.inventory().items()}
        parameters = left.pop("AWS::SSM::Parameter")
        _must(all(name.startswith(f"/omni-relay/{STAGE}/") for name in parameters), f"left: {parameters}")
        meant = {made[name].rpartition("/")[2] for name in copy.retained if types[name] in LISTED_TYPES}
        found = set().union(*left.values())
        _must(found == meant, f"left behind: {sorted(found - meant)}; lost: {sorted(meant - found)}")
        unlisted = sorted({types[n] for n in made if n in types} - LISTED_TYPES)
        self.report(f"deleted      what is left is meant to be: {', '.join(sorted(copy.retained))}")
        self.report(f"               and the operator's {len(parameters)} parameters in SSM")
        self.report(
            f"               not looked for: {', '.join(unlisted) or 'none'} (moto never deletes managed policies)"
        )

    def _functions(self) -> Iterator[Any]:
        made = self.deployment.physical_ids()
        for name in sorted(self.functions):
            yield self.deployment.function(name, made[name])

    def _sources(self) -> Sources:
        return Sources(read_yaml(PROJECT / "relay.yaml"), read_yaml(PROJECT / "secrets.local.yaml"))

    def _sent(self) -> int:
        answer = requests.get(f"{self.surroundings.sandbox_url}/sandbox/messages", timeout=10)
        return len(answer.json()["messages"])


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def _content(answer: Json) -> Json:
    """The body of the answer that the webhook function gives to API Gateway."""
    return json.loads(answer["body"])


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    """A received message as Lambda's poller hands it over."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(datetime.now(UTC).timestamp() * 1000))},
        "eventSource": "aws:sqs",
    }
