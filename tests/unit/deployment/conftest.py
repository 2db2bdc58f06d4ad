"""template.yaml, resolved as the local stack sees it, and as written."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.stack.intrinsics import load_yaml
from sandbox.stack.sam_template import read_template
from sandbox.stack.specs import FunctionSpec, SamTemplate

PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def template() -> SamTemplate:
    return read_template(PROJECT / "template.yaml", cloud_url="http://cloud.test")


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """Intrinsic functions and all: `!Ref X` is {"Ref": "X"}."""
    return load_yaml(PROJECT / "template.yaml")


@pytest.fixture(params=["WebhookFunction", "DeliveryFunction", "ScheduleFunction"])
def function(request: pytest.FixtureRequest, template: SamTemplate) -> FunctionSpec:
    return template.functions[request.param]
