"""A stack of tiny functions, to test the stand-ins for AWS alone."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.stack.settings import Ports, StackSettings
from tests.support.proxies import ProxiedStack


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
def tiny(tiny_settings: Callable[..., StackSettings]) -> Iterator[ProxiedStack]:
    with ProxiedStack(tiny_settings(processes=3, integration_timeout=3)) as stack:
        yield stack


@pytest.fixture
def variant(tiny_settings: Callable[..., StackSettings], tmp_path: Path) -> Callable[[str, str], StackSettings]:
    """The tiny template with some text in it replaced."""

    def settings(old: str, new: str) -> StackSettings:
        original = tiny_settings()
        text = original.template.read_text(encoding="utf-8")
        assert old in text
        template = tmp_path / "template.yaml"
        text = text.replace("CodeUri: functions", f"CodeUri: {original.template.parent / 'functions'}")
        template.write_text(text.replace(old, new), encoding="utf-8")
        return replace(original, template=template)

    return settings
