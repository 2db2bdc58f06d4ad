"""The local stack writes its configuration into its SSM."""

from dataclasses import replace

import pytest

from sandbox.sam_local import DOCKER_DESKTOP
from sandbox.stack.assembly import Assembly
from sandbox.stack.sam_template import read_template
from sandbox.stack.settings import StackSettings

SETTINGS = StackSettings(config={"sources": {"ci": {"verify": "bearer"}}})
ELSEWHERE = replace(SETTINGS, public_host=DOCKER_DESKTOP)


@pytest.mark.parametrize(
    ("settings", "base_url"),
    [(SETTINGS, "http://127.0.0.1:8025"), (ELSEWHERE, "http://host.docker.internal:8025")],
    ids=["here", "in containers"],
)
def test_functions_call_the_sandbox_by_the_address_that_they_reach(settings: StackSettings, base_url: str) -> None:
    assembly = Assembly(settings, {}, {"sandbox": "http://127.0.0.1:8025"})
    assembly.template = read_template(settings.template, cloud_url="http://cloud.test")

    written = {
        parameter.name.split("/", 3)[3]: parameter.value
        for parameter in assembly.parameters(settings.config, settings.secrets)
    }
    assert written["omni/base-url"] == base_url
    assert {"omni/authorization", "sources/ci/settings"} <= written.keys()
