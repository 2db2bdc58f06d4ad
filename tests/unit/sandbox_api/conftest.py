"""A sandbox without sockets, whose time stands still until the test moves it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from sandbox.omni_api.models import Message
from sandbox.omni_api.settings import SandboxSettings
from sandbox.omni_api.state import create_state
from sandbox.omni_api.wire import ApiAnswer, ApiCall, Format


class Bench:
    """A sandbox and its clock. `send` and `advanced` call the API, `pass_time` moves the clock."""

    def __init__(self, **settings: Any) -> None:
        self.elapsed = 0.0
        self.start = datetime(2031, 5, 24, 10, 0, tzinfo=UTC)
        clock: dict[str, Any] = {
            "monotonic": lambda: self.elapsed,
            "now": lambda: self.start + timedelta(seconds=self.elapsed),
        }
        self.state = create_state(SandboxSettings(**clock, **settings))

    def call(self, body: Any = None, wanted: Format = Format.JSON, query: str = "", **path: str) -> ApiCall:
        return ApiCall("/omni/1/test", path, QueryParams(query), json.dumps(body).encode(), Format.JSON, wanted)

    def send(self, to: dict[str, str], **others: Any) -> ApiAnswer:
        return self.state.sends.text(self.call({"destinations": [{"to": to}], "text": "Hello", **others}))

    def advanced(self, to: dict[str, str], **others: Any) -> ApiAnswer:
        return self.state.sends.advanced(self.call({"destinations": [{"to": to}], **others}))

    def pass_time(self, seconds: float) -> None:
        """Moves the clock, and stops at each timer that falls due."""
        end = self.elapsed + seconds
        while (wait := self.state.timers.run_due()) is not None and self.elapsed + wait <= end:
            self.elapsed = max(self.elapsed + wait, self.elapsed + 1e-6)
        self.elapsed = end

    def only(self) -> Message:
        (message,) = self.state.store.newest_first()
        return message

    def walk(self) -> list[tuple[str, str]]:
        """The steps of the only message, each with the group of its status."""
        return [(step.channel.value, step.status.group_name) for step in self.only().steps]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    return Bench
