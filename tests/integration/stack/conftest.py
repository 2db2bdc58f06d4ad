"""A stack of tiny functions, to prove the stand-ins for AWS by themselves."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sandbox.stack.ports import Ports
from sandbox.stack.settings import StackSettings
from sandbox.stack.stack import Stack

T = TypeVar("T")
Eventually = Callable[[Callable[[], T]], T]


@pytest.fixture(scope="session")
def tiny_settings(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., StackSettings]:
    def settings(**others: Any) -> StackSettings:
        return StackSettings(
            template=Path(__file__).with_name("template.yaml"),
            logs=tmp_path_factory.mktemp("logs"),
            ports=Ports.free(),
            with_sandbox=False,
            **others,
        )

    return settings


@pytest.fixture(scope="session")
def tiny(tiny_settings: Callable[..., StackSettings]) -> Iterator[Stack]:
    with Stack(tiny_settings(processes=3, integration_timeout=3, faults=True)) as stack:
        yield stack


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Calls until the result is true, and gives it; a test that would wait longer fails."""

    def wait(condition: Callable[[], T], seconds: float = 15) -> T:
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s")
            time.sleep(0.02)
        return result

    return wait
