"""The local stack of these tests: with every sender, those of events/senders.yaml included."""

from collections.abc import Callable, Iterator

import pytest

from sandbox.stack.settings import StackSettings
from tests.support.proxies import ProxiedStack
from tests.support.senders import every_source


@pytest.fixture(scope="session")
def shared_stack(stack_settings: Callable[..., StackSettings]) -> Iterator[ProxiedStack]:
    known = every_source()
    with ProxiedStack(stack_settings(config=known.config, secrets=known.secrets)) as stack:
        yield stack
