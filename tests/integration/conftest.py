"""The local stack for integration tests: the whole relay on free ports, one per test process, clean for each test."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
import requests
import yaml

from sandbox.stack.settings import PROJECT, Ports, StackSettings
from tests.support.proxies import SERVICES, ProxiedStack, Reachability
from tests.support.xray import XrayDaemon

T = TypeVar("T")
# The delays have as many steps as those of template.yaml, but take a second or two in place of hours.
SHORT_DELAYS = {"RetryDelays": "1,1,1,1,1,1,2,2,2,2,2", "AccountRetryDelays": "2,2,2,2,2,2,2"}


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Gives a function that calls `condition` until its result is true, and returns it. Fails after `seconds`."""

    def wait(condition: Callable[[], T], seconds: float = 15) -> T:
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s")
            time.sleep(0.02)
        return result

    return wait


@pytest.fixture
def xray_daemon() -> Iterator[XrayDaemon]:
    with XrayDaemon() as daemon:
        yield daemon


@pytest.fixture(scope="session")
def stack_settings(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., StackSettings]:
    """Gives a maker of settings for a separate stack: relay.yaml and its secrets, free ports, retries in seconds."""

    def settings(**others: Any) -> StackSettings:
        defaults: dict[str, Any] = {
            "config": _yaml("relay.yaml"),
            "secrets": _yaml("secrets.local.yaml"),
            "template_parameters": SHORT_DELAYS | {"ThrottleRate": "10000", "ThrottleBurst": "10000"},
            "queue_attributes": {"Queue": {"VisibilityTimeout": "5"}},
            "ports": Ports.free(),
            "logs": tmp_path_factory.mktemp("logs"),
        }
        return StackSettings(**(defaults | others))

    return settings


@pytest.fixture(scope="session")
def shared_stack(stack_settings: Callable[..., StackSettings]) -> Iterator[ProxiedStack]:
    """Starts the stack once per process. Tests take `stack`, which is clean."""
    with ProxiedStack(stack_settings()) as stack:
        yield stack


@pytest.fixture
def stack(shared_stack: ProxiedStack) -> Iterator[ProxiedStack]:
    """Gives the shared stack without messages and faults, with empty queues and tables, and every service reachable."""
    clean(shared_stack)
    yield shared_stack
    for service in SERVICES:
        shared_stack.set_reachability(service, Reachability.NORMAL)
    requests.delete(f"{shared_stack.sandbox_url}/sandbox/faults", timeout=5)


def clean(stack: ProxiedStack) -> None:
    for path in ("messages", "faults"):
        requests.delete(f"{stack.sandbox_url}/sandbox/{path}", timeout=5).raise_for_status()
    for queue in stack.template.queues:
        _drain(stack.client("sqs"), stack.queue_url(queue))
    dynamodb = stack.client("dynamodb")
    for table in stack.template.tables.values():
        for item in dynamodb.scan(TableName=table.name)["Items"]:
            dynamodb.delete_item(TableName=table.name, Key={name: item[name] for name in table.key})


def _drain(sqs: Any, url: str) -> None:
    """Deletes the messages one by one, because PurgeQueue is allowed only once a minute."""
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def _yaml(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))
    return content
