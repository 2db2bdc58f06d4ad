"""A relay that hears OMNI's reports by both ways: OMNI pushes them, and the pull runs each half second."""

from collections.abc import Callable, Iterator

import pytest

from sandbox.stack.settings import StackSettings
from tests.support.proxies import ProxiedStack
from tests.support.relay_stack import CONFIG, SECRETS, Relay

PARAMETERS = {
    "RetryDelays": "1,1,1,1,1,1,2,2,2,2,2",
    "DeliveryReports": "push",
    "ThrottleRate": "100000",
    "ThrottleBurst": "100000",
}


@pytest.fixture(scope="session")
def following_stack(stack_settings: Callable[..., StackSettings]) -> Iterator[ProxiedStack]:
    settings = stack_settings(
        config=CONFIG, secrets=SECRETS, template_parameters=PARAMETERS, time_scale=20, rate_scale=120
    )
    with ProxiedStack(settings) as stack:
        yield stack


@pytest.fixture
def relay(following_stack: ProxiedStack) -> Iterator[Relay]:
    relay = Relay(following_stack)
    relay.clean()
    yield relay
    relay.reachable()
