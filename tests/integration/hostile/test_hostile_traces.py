"""In a whole stack with tracing, no planted value appears in a segment, log line, metric or answer.

The values are planted in each sender's event, each flow and each failure.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from sandbox import event_files
from sandbox.renewal import Sources, body_of, resigned
from sandbox.stack.settings import OMNI_AUTHORIZATION, StackSettings
from sandbox.stack.stack import Stack
from tests.support.canaries import each_secret, forms_of, found, signatures
from tests.support.hostility import WEBHOOKS
from tests.support.proxies import ProxiedStack
from tests.support.relay_stack import BLOCKLISTED, CONFIG, PHONE, SECRETS, Relay
from tests.support.senders import every_source
from tests.support.xray import XrayDaemon

Wait = Callable[..., Any]
EMAIL, TEXT = "canary.person@example.org", "the canary sings in the body"
ADDRESSES = {PHONE, "+41 79 302 67 27", BLOCKLISTED, EMAIL, "ops@example.com", "billing@example.com"}
# The faults of OMNI, each named by the cause that the log gives.
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "BadRequest": {"kind": "status", "status": 400},
    "Unauthorized": {"kind": "status", "status": 401},
    "ServerError": {"kind": "status", "status": 503},
    "MalformedAnswer": {"kind": "garbage"},
    "connection closed": {"kind": "reset"},
    "deadline": {"kind": "timeout"},
}


def impatient(value: Any) -> Any:
    """Returns the configuration with each `unless_delivered` due after a second, so that the queue gets empty."""
    if isinstance(value, list):
        return [impatient(item) for item in value]
    if isinstance(value, dict):
        return {name: "1s" if name == "within" else impatient(item) for name, item in value.items()}
    return value


def traced(settings: StackSettings, daemon: XrayDaemon) -> StackSettings:
    """Returns the settings with tracing on, and with the sources of `relay_stack` beside those of every sender."""
    known = every_source()
    sources = {name: impatient(source) for name, source in known.config["sources"].items()}
    return replace(
        settings,
        config={
            "scenarios": {**known.config["scenarios"], **CONFIG["scenarios"]},
            "sources": {**sources, **CONFIG["sources"]},
        },
        secrets={"sources": {**known.secrets["sources"], **SECRETS["sources"]}},
        template_parameters={**settings.template_parameters, "Tracing": "Active", "OmniTimeoutSeconds": "1"},
        environment={"AWS_XRAY_DAEMON_ADDRESS": daemon.address},
    )


@dataclass
class Course:
    """Sends events to the stack, and keeps the planted values and each answer's status and text."""

    stack: ProxiedStack
    relay: Relay
    planted: set[str] = field(default_factory=set)
    answers: list[tuple[int, str]] = field(default_factory=list)

    def send(self, *phones: str, **fields: Any) -> None:
        event = self.relay.event(*phones, **fields)
        self.planted |= signatures(event.headers()) | {event.text}
        answer = self.relay.post(event)
        self.answers.append((answer.status, json.dumps(answer.content)))

    def post(self, event: dict[str, Any]) -> None:
        self.planted |= signatures(event["headers"])
        answer = event_files.post(event, int(self.stack.relay_url.rpartition(":")[2]))
        self.answers.append((answer.status, answer.body.decode()))

    def fire(self, payload: Any) -> None:
        outcome = self.stack.invoke("ScheduleFunction", payload)
        self.answers.append((500 if outcome.error else 200, outcome.payload.decode()))


def every_sender(course: Course) -> None:
    """Posts each sender's event whole, and cut after signing; then to an unknown source, and with unknown fields."""
    sources = Sources(course.stack.settings.config, course.stack.settings.secrets)
    for name in WEBHOOKS:
        event = event_files.fresh(name, sources)
        cut = base64.b64encode(body_of(event)[:-3]).decode()
        course.post(event)
        course.post(event | {"body": cut, "isBase64Encoded": True})
    order = event_files.fresh("orders-message", sources)
    course.post(order | {"rawPath": f"/webhooks/{PHONE}"})
    wrong = {"id": "e-1", "text": {TEXT: EMAIL}, "to": [{PHONE: EMAIL}], "scenario": TEXT}
    course.post(resigned(order | {"body": json.dumps(wrong)}, sources))


def every_failure_of_omni(course: Course) -> None:
    for fault in FAULTS.values():
        course.relay.omni_fails(fault)
        course.send()
        course.send()  # succeeds, so that a row of failures doesn't open the breaker
    course.relay.omni_recovers()
    course.send(PHONE, BLOCKLISTED)


def every_failure_of_aws(course: Course) -> None:
    for services in (("sqs",), ("dynamodb",), ("dynamodb", "sqs"), ("ssm",)):
        course.relay.unreachable(*services)
        if "ssm" in services:
            course.stack.replace_processes("WebhookFunction")  # because the old ones have cached the parameters
        course.send()
        course.relay.reachable()


def every_other_flow(course: Course) -> None:
    course.send(source="queued")
    course.send(broken=True)
    schedule = event_files.load("schedule")
    course.fire(schedule)
    course.fire(schedule | {"to": [{PHONE: EMAIL}], TEXT: TEXT})


@pytest.mark.slow
def test_no_planted_value_is_in_a_segment_log_line_metric_or_answer(
    stack_settings: Callable[..., StackSettings], eventually: Wait
) -> None:
    with XrayDaemon() as daemon, ProxiedStack(traced(stack_settings(processes=1), daemon)) as stack:
        course = Course(stack, Relay(stack))
        for walk in (every_sender, every_failure_of_omni, every_failure_of_aws, every_other_flow):
            walk(course)
        eventually(lambda: course.relay.waiting() == 0, 30)
        planted = course.planted | ADDRESSES | {TEXT} | texts(course.relay.messages())
    planted |= {form for secret in each_secret(stack.settings.secrets["sources"]) for form in forms_of(secret)}
    planted.add(OMNI_AUTHORIZATION.split()[1])

    assert {200, 202, 400, 401, 404, 422, 500, 503} <= {status for status, _ in course.answers}
    causes = " ".join(str(line.get("cause")) for line in course.relay.lines())
    assert [cause for cause in FAULTS if cause not in causes] == []
    assert found(planted, "\n".join(text for _, text in course.answers)) == []
    assert found(planted, "\n".join(daemon.datagrams)) == []
    for function in stack.template.functions:
        assert found(planted, stack.log_path(function).read_text(encoding="utf-8")) == []
    for function in ("WebhookFunction", "DeliveryFunction", "ScheduleFunction"):
        assert heard_of(function, stack, daemon) >= {"## handler", "omni", "dynamodb", "ssm"}


def texts(messages: list[dict[str, Any]]) -> set[str]:
    """Returns the texts, subjects and recipients that OMNI was given."""
    given = [(message["text"], message["subject"], *message["to"].values()) for message in messages]
    return {text for parts in given for text in parts if text}


def heard_of(function: str, stack: Stack, daemon: XrayDaemon) -> set[str]:
    """Returns the names of the function's segments. Checks that each invocation that has logged has segments."""
    logged = {line["xray_trace_id"] for line in stack.log_records(function) if "xray_trace_id" in line}
    heard = [segment for segment in daemon.segments if segment["trace_id"] in logged]
    assert logged == {segment["trace_id"] for segment in heard}
    return {segment["name"] for segment in heard}
