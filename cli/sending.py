"""Sends a message through the relay: the schedules' function takes it as a firing, as EventBridge Scheduler would."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cli.frame import Mistake, Refused
from relay.message.notifications import parse_notification
from relay.problems import InvalidBody

if TYPE_CHECKING:
    from cli.target import Target

FUNCTION = "ScheduleFunction"
_SCENARIO = re.compile(r"scenarios/([^/]+)")


@dataclass(frozen=True, slots=True)
class Words:
    """A text to send; only `channels` may carry it, if there are any."""

    text: str
    subject: str | None = None
    channels: Sequence[str] = ()
    send_at: str | None = None


def notification(to: Sequence[str], scenario: str, words: Words) -> dict[str, Any]:
    """Makes a schedule's payload. A recipient is a phone number or an email address. Raises Mistake."""
    said: dict[str, Any] = {"text": words.text}
    if words.channels:
        said = {"channels": {channel: {"text": words.text} for channel in words.channels}}
    more = {"subject": words.subject, "sendAt": words.send_at}
    made = {
        "id": f"send-{uuid4()}",
        "to": [{"email" if "@" in one else "phone": one} for one in to],
        "scenario": scenario,
        **said,
        **{name: value for name, value in more.items() if value},
    }
    try:
        parse_notification(made)
    except InvalidBody as problem:
        raise Mistake("; ".join(f"{error.field}: {error.problem}" for error in problem.errors)) from None
    return made


def only_scenario(target: "Target") -> str:
    """Returns the scenario's name, if the stack has only one. Raises Mistake."""
    pages = target.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"{target.prefix}/scenarios")
    names = sorted(one["Name"].rpartition("/")[2] for page in pages for one in page["Parameters"])
    if len(names) != 1:
        there = f"there are {', '.join(names)}" if names else "there are none: omni-relay push"
        raise Mistake(f"--scenario: {there}")
    return str(names[0])


def send(target: "Target", payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lets the relay send it now, and returns the outcome as HTTP answers show it. Raises Mistake or Refused."""
    function, qualifier = _function(target)
    endpoint = target.run["urls"]["lambda"] if target.run is not None else None
    client = target.client("lambda", endpoint)
    answer = client.invoke(FunctionName=function, Payload=json.dumps(payload).encode(), **qualifier)
    content = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise Refused(f"the relay didn't send it: {content.get('errorMessage', content)}")
    outcome: Mapping[str, Any] = content[0]
    return outcome


def _function(target: "Target") -> tuple[str, Mapping[str, str]]:
    if target.is_local:
        return FUNCTION, {}
    resource = target.client("cloudformation").describe_stack_resource(
        StackName=target.stack, LogicalResourceId=FUNCTION
    )
    return resource["StackResourceDetail"]["PhysicalResourceId"], {"Qualifier": "live"}
