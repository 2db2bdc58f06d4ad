"""A stack of tiny functions, to prove the stand-ins for AWS by themselves."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.stack.ports import Ports
from sandbox.stack.settings import StackSettings
from sandbox.stack.stack import Stack


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
