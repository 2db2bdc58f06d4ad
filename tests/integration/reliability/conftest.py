"""Fixtures of the reliability tests: a relay whose time-outs and retries take seconds, clean and warm for each test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.stack.settings import StackSettings
from tests.support.proxies import ProxiedStack
from tests.support.relay_stack import CONFIG, SECRETS, Relay

# As in template.yaml, a call fits into a function's timeout, and that fits into the visibility timeout.
WEBHOOK_TIMEOUT = 9
DELIVERY_TIMEOUT = 9
VISIBILITY_TIMEOUT = 12
OMNI_TIMEOUT = 2
LONG_ENOUGH = ",".join(["1", "1", "2"] + ["2"] * 400)  # no test lasts until a dispatch is given up
PARAMETERS = {
    "RetryDelays": LONG_ENOUGH,
    "AccountRetryDelays": LONG_ENOUGH,
    "OmniTimeoutSeconds": str(OMNI_TIMEOUT),
    "ConfigTtlSeconds": "1",
    "ThrottleRate": "100000",
    "ThrottleBurst": "100000",
}


@pytest.fixture(scope="session")
def reliability_settings(stack_settings: Callable[..., StackSettings]) -> Callable[..., StackSettings]:
    def settings(**others: Any) -> StackSettings:
        parameters = PARAMETERS | others.pop("template_parameters", {})
        defaults: dict[str, Any] = {
            "config": CONFIG,
            "secrets": SECRETS,
            "queue_attributes": {"Queue": {"VisibilityTimeout": str(VISIBILITY_TIMEOUT)}},
            "timeouts": {"WebhookFunction": WEBHOOK_TIMEOUT, "DeliveryFunction": DELIVERY_TIMEOUT},
        }
        return stack_settings(template_parameters=parameters, **(defaults | others))

    return settings


@pytest.fixture(scope="session")
def reliability_stack(reliability_settings: Callable[..., StackSettings]) -> Iterator[ProxiedStack]:
    with ProxiedStack(reliability_settings()) as stack:
        yield stack


@pytest.fixture(scope="session")
def followed_stack(reliability_settings: Callable[..., StackSettings]) -> Iterator[ProxiedStack]:
    """Gives a stack to which OMNI pushes reports, and which tells an event bus of each end."""
    parameters = {"DeliveryReports": "push", "EventBusName": "local"}
    with ProxiedStack(reliability_settings(template_parameters=parameters)) as stack:
        yield stack


@pytest.fixture
def relay(reliability_stack: ProxiedStack, eventually: Callable[..., Any]) -> Iterator[Relay]:
    """Gives a clean relay after a first event was sent.

    So the processes are warm, and the failures of earlier tests don't count towards the breaker.
    """
    relay = Relay(reliability_stack)
    relay.clean()
    eventually(lambda: relay.post(relay.event()).outcome == "sent")
    relay.clean()
    yield relay
    relay.reachable()
    relay.omni_recovers()
