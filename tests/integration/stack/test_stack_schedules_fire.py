"""An enabled schedule of the template fires in the local stack; a disabled one doesn't."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.stack.settings import StackSettings
from sandbox.stack.stack import Stack


@pytest.mark.parametrize(("state", "fires"), [("ENABLED", True), ("DISABLED", False)])
def test_a_schedule_fires_only_when_it_is_enabled(
    variant: Callable[[str, str], StackSettings], eventually: Callable[..., Any], state: str, fires: bool
) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%S")
    event = f"{{ Type: ScheduleV2, Properties: {{ ScheduleExpression: at({soon}), State: {state}, Input: '%s' }} }}"
    told = '{"log": ["{\\"fired\\": \\"<aws.scheduler.scheduled-time>\\"}"]}'
    route = "Post: { Type: HttpApi, Properties: { Method: POST, Path: /slow } }"
    with Stack(variant(route, f"Timed: {event % told}")) as stack:
        if fires:
            assert eventually(lambda: {"fired": f"{soon}Z"} in stack.log_records("SlowFunction"))
        else:
            eventually(lambda: datetime.now(UTC) > datetime.fromisoformat(f"{soon}+00:00") + timedelta(seconds=1))
            assert stack.log_records("SlowFunction") == []
