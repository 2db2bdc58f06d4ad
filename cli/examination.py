"""Examines a stack for `omni-relay doctor`. Each check gives its findings, and one that can't be made says so."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.metadata import version
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from cli.finding import Wanted, find
from cli.frame import Mistake
from cli.target import Target
from omni.client import OmniClient
from omni.errors import OmniError
from relay.configure.sources import ConfigurationMistake, parse_secrets, parse_source
from relay.ports import RecordsUnavailable

_PAGE = 100
_MESSAGES = 1_000  # that are looked at


@dataclass(frozen=True, slots=True)
class Finding:
    """A result of a check. `cure` says what to do; it is empty if nothing is to be done."""

    subject: str
    grade: Literal["ok", "warning", "bad"]
    detail: str
    cure: str = ""


def examine(target: Target) -> Iterator[Finding]:
    """Makes each check. One that AWS doesn't allow becomes a warning, and the others go on."""
    stack = _Stack(target)
    for subject, check in _CHECKS.items():
        try:
            yield from check(stack)
        except (ClientError, BotoCoreError, RecordsUnavailable) as problem:
            yield Finding(subject, "warning", f"could not be checked: {problem}", "ask for the right to read it")
        except Mistake as problem:  # the stack lacks an output
            yield Finding(subject, "warning", f"could not be checked: {problem.message}", "deploy the stack again")


class _Stack:
    """Reads the parts of a stack that the checks need, each once."""

    def __init__(self, target: Target) -> None:
        self.target = target

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The stack's parameters in SSM by their names after the prefix, decrypted."""
        pages = self.target.client("ssm").get_paginator("get_parameters_by_path")
        found = pages.paginate(Path=self.target.prefix, Recursive=True, WithDecryption=True)
        start = len(self.target.prefix) + 1
        return {one["Name"][start:]: one["Value"] for page in found for one in page["Parameters"]}

    @cached_property
    def source_names(self) -> list[str]:
        return sorted({name.split("/")[1] for name in self.parameters if name.startswith("sources/")})

    def queue(self, output: str) -> tuple[int, int]:
        """Gives the number of messages that wait in a queue, and of those that are hidden or delayed."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        names.append("ApproximateNumberOfMessagesDelayed")
        answer = self.target.client("sqs").get_queue_attributes(
            QueueUrl=self.target.output(output), AttributeNames=names
        )
        waiting, hidden, delayed = (int(answer["Attributes"].get(name, 0)) for name in names)
        return waiting, hidden + delayed


def _omni(stack: _Stack) -> Iterator[Finding]:
    url, key = stack.parameters.get("omni/base-url"), stack.parameters.get("omni/authorization")
    if not url or not key:
        yield Finding("OMNI", "bad", "no account is configured", "omni-relay push with OMNI's URL and key")
        return
    try:
        client = OmniClient(url, key)
        keys = {scenario.key for scenario in _scenarios(client)}
    except (OmniError, ValueError) as problem:
        yield Finding("OMNI", "bad", f"{url}: {problem}", "omni-relay secrets rotate omni")
        return
    yield Finding("OMNI", "ok", f"{url} takes the key")
    for name, value in stack.parameters.items():
        if name.startswith("scenarios/") and value not in keys:
            where = f"scenario {name.removeprefix('scenarios/')}"
            yield Finding(where, "bad", f"OMNI has no scenario {value}", "omni-relay scenarios list")


def _scenarios(client: OmniClient) -> list[Any]:
    found: list[Any] = []
    while True:
        page = client.list_scenarios(limit=_PAGE, page=len(found) // _PAGE).scenarios
        found += page
        if len(page) < _PAGE:
            return found


def _sources(stack: _Stack) -> Iterator[Finding]:
    if not stack.source_names:
        yield Finding("sources", "bad", "there are none", "omni-relay push")
    for name in stack.source_names:
        yield _source(stack, name)


def _source(stack: _Stack, name: str) -> Finding:
    subject, begin = f"source {name}", f"sources/{name}/"
    try:
        settings = json.loads(stack.parameters.get(f"{begin}settings", "null"))
        routes = {
            path.removeprefix(f"{begin}routes/"): json.loads(value)
            for path, value in stack.parameters.items()
            if path.startswith(f"{begin}routes/")
        }
        source = parse_source(name, settings, routes, parse_secrets(stack.parameters.get(f"{begin}secrets", "")))
    except (ValueError, ConfigurationMistake) as problem:
        return Finding(subject, "bad", str(problem), "omni-relay check, then omni-relay push")
    if source.mistakes:
        return Finding(subject, "bad", str(source.mistakes[0]), "omni-relay check, then omni-relay push")
    if source.verification.has_secret and not source.secrets:
        return Finding(subject, "bad", "it has no secret, so it refuses everything", "omni-relay push --secrets FILE")
    if source.verification.has_secret and len(source.secrets) > 1:
        cure = f"omni-relay secrets rotate {name} --finish"
        return Finding(subject, "warning", f"{len(source.secrets)} secrets are valid", cure)
    return Finding(subject, "ok", f"{source.verification.name}, {len(source.routes)} routes")


def _mutes(stack: _Stack) -> Iterator[Finding]:
    for name, until in stack.parameters.items():
        muted = re.fullmatch(r"sources/([^/]+)/muted(/[^/]+)?", name)
        if muted:
            what = f"{muted[1]}{muted[2] or ''}"
            yield Finding(
                f"source {muted[1]}", "warning", f"{what} is muted until {until}", f"omni-relay unmute {what}"
            )


def _queues(stack: _Stack) -> Iterator[Finding]:
    waiting, later = stack.queue("QueueUrl")
    yield Finding("queue", "ok", f"{waiting} due, {later} later")
    parked, held = stack.queue("DeadLetterQueueUrl")
    if parked + held:
        yield Finding("dead letters", "bad", f"{parked + held} parked", "omni-relay parked")
    else:
        yield Finding("dead letters", "ok", "nothing is parked")


def _reports(stack: _Stack) -> Iterator[Finding]:
    """Looks at the messages of the last day that OMNI took more than an hour ago."""
    now = datetime.now(UTC)
    found = find(stack.target, Wanted(since=now - timedelta(days=1)), _MESSAGES)
    due = [record for record in found if record.awaited and now - record.at > timedelta(hours=1)]
    ended = sum(record.state.final for record in due)
    if due and not ended:
        cure = "is DeliveryReports on, and may the key read OMNI's logs? docs/operations.md"
        yield Finding("reports", "bad", f"none of {len(due)} messages has an end after an hour", cure)
    else:
        yield Finding("reports", "ok", f"{ended} of {len(due)} messages of the last day have an end")


def _alarms(stack: _Stack) -> Iterator[Finding]:
    if stack.target.is_local:
        return
    cloudwatch = stack.target.client("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=stack.target.stack)
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    deaf = [alarm["AlarmName"] for alarm in alarms if not alarm["AlarmActions"]]
    if not alarms or deaf:
        cure = "deploy with AlarmEmail or AlarmTopicArn"
        yield Finding("alarms", "bad", f"{len(deaf)} of {len(alarms)} notify nobody", cure)
        return
    topics = {action for alarm in alarms for action in alarm["AlarmActions"]}
    for topic in sorted(topics):
        yield _listeners(stack, topic)
    for alarm in alarms:
        if alarm["StateValue"] == "ALARM":
            yield Finding("alarms", "bad", f"{alarm['AlarmName']}: {alarm['StateReason']}", "docs/operations.md")


def _listeners(stack: _Stack, topic: str) -> Finding:
    found = stack.target.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    confirmed = [one for one in found if one["SubscriptionArn"] != "PendingConfirmation"]
    if confirmed:
        return Finding("alarms", "ok", f"{len(confirmed)} listen to {topic.rsplit(':', 1)[-1]}")
    return Finding("alarms", "bad", f"nobody listens to {topic}", "confirm the subscription that AWS has mailed")


def _versions(stack: _Stack) -> Iterator[Finding]:
    yield Finding("command", "ok", f"version {version('omni-relay')}")
    if stack.target.is_local:
        return
    found = stack.target.client("cloudformation").describe_stacks(StackName=stack.target.stack)["Stacks"][0]
    at = found.get("LastUpdatedTime", found["CreationTime"])
    grade: Literal["ok", "bad"] = "ok" if found["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"} else "bad"
    cure = "" if grade == "ok" else "docs/deploy.md, on what to do with a stack that hangs"
    yield Finding("stack", grade, f"{found['StackStatus']}, since {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC", cure)


_CHECKS: Mapping[str, Callable[[_Stack], Iterator[Finding]]] = {
    "OMNI": _omni,
    "sources": _sources,
    "mutes": _mutes,
    "queues": _queues,
    "reports": _reports,
    "alarms": _alarms,
    "versions": _versions,
}
