"""The lines that each function logs for messages and events fit their schemas in docs/ and hold nothing else."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from jsonschema import Draft7Validator

from sandbox import event_files
from sandbox.renewal import Sources
from sandbox.stack.settings import PROJECT
from sandbox.stack.stack import Stack

SCHEMA = json.loads((PROJECT / "docs" / "message-status.schema.json").read_text(encoding="utf-8"))
EVENT_SCHEMA = json.loads((PROJECT / "docs" / "event-received.schema.json").read_text(encoding="utf-8"))
# The fields that the logger adds to each line.
OF_LAMBDA = {"cold_start", "function_name", "function_memory_size", "function_arn"}
REFUSED = {"kind": "status", "status": 400, "count": 1}
DOWN = {"kind": "status", "status": 503, "count": 1}


def faults(line: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    validator = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
    unknown = sorted(set(line) - set(schema["properties"]) - OF_LAMBDA)
    return [error.message for error in validator.iter_errors(line)] + unknown


@pytest.fixture
def lines(stack: Stack, eventually: Callable[..., Any]) -> dict[str, list[dict[str, Any]]]:
    """Gives the lines of messages that were sent, queued and delivered, refused and parked, or fired by a schedule."""
    sources = Sources(stack.settings.config, stack.settings.secrets)
    port = urlsplit(stack.relay_url).port or 0
    before = {
        name: len(stack.log_records(name)) for name in ("WebhookFunction", "DeliveryFunction", "ScheduleFunction")
    }
    for fault in (None, REFUSED, DOWN):
        if fault:
            requests.post(f"{stack.sandbox_url}/sandbox/faults", json=fault, timeout=5).raise_for_status()
        for name in ("github-release", "stripe-payment-failed", "alertmanager-firing"):
            event_files.post(event_files.fresh(name, sources), port)
    assert stack.invoke("ScheduleFunction", event_files.load("schedule")).error is None

    def found() -> dict[str, list[dict[str, Any]]]:
        records = {name: stack.log_records(name)[seen:] for name, seen in before.items()}
        return {name: [one for one in all_ if one.get("message") == "message_status"] for name, all_ in records.items()}

    eventually(lambda: all(found().values()) and outcomes(found()) >= {"sent", "retry", "parked"}, 30)
    return found()


def outcomes(lines: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {line["outcome"] for found in lines.values() for line in found}


def test_each_message_s_line_fits_the_schema(lines: dict[str, list[dict[str, Any]]]) -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert {"WebhookFunction", "DeliveryFunction", "ScheduleFunction"} <= set(lines)
    for found in lines.values():
        for line in found:
            assert faults(line, SCHEMA) == []


def test_the_lines_name_each_outcome(lines: dict[str, list[dict[str, Any]]]) -> None:
    assert outcomes(lines) == {"sent", "retry", "parked"}


def test_each_event_s_line_fits_the_schema(lines: dict[str, list[dict[str, Any]]], stack: Stack) -> None:
    for name in ("WebhookFunction", "ScheduleFunction"):
        found = [line for line in stack.log_records(name) if line.get("message") == "event_received"]
        assert {line["event_id"] for line in lines[name]} <= {line.get("event_id") for line in found}
        for line in found:
            assert faults(line, EVENT_SCHEMA) == []
