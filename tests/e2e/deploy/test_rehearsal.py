"""`make rehearse` on template.yaml as it is, and on templates that it must refuse or cut down rightly."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import pytest

from sandbox.rehearsal.rehearsal import CREATED, made_by_moto
from sandbox.rehearsal.templates import CannotTranslate, Translated, copy_for_moto, schema_mistakes, translate
from sandbox.stack.settings import PROJECT

pytestmark = pytest.mark.e2e
STEPS = ("translated", "checked", "left out", "created", "pushed", "invoked", "updated", "invoked", "deleted")


@pytest.fixture(scope="module")
def translated() -> Translated:
    return translate(PROJECT / "template.yaml", CREATED)


@pytest.fixture(scope="module")
def mistaken_everywhere(translated: Translated) -> Mapping[str, list[str]]:
    """Returns the schemas' findings for resources that each have a property that doesn't exist."""
    template = deepcopy(translated.template)
    for resource in template["Resources"].values():
        resource.setdefault("Properties", {})["NoSuchProperty"] = 1
    return schema_mistakes(template)


def rehearse(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "sandbox.rehearsal", *arguments]
    environment = os.environ | {"PYTHONPATH": "src:."}
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_deployment_lives_its_whole_life():
    done = rehearse()
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line[:12].strip() for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert tuple(dict.fromkeys(steps)) == tuple(dict.fromkeys(STEPS)), done.stdout


def test_each_type_that_moto_does_not_make_is_checked_by_its_schema(
    translated: Translated, mistaken_everywhere: Mapping[str, list[str]]
):
    left_out = {name for name, kind in translated.types().items() if kind not in made_by_moto()}
    assert left_out
    unnoticed = [name for name in left_out if not any("NoSuchProperty" in m for m in mistaken_everywhere.get(name, []))]
    assert unnoticed == []
    assert schema_mistakes(translated.template) == {}


def test_a_template_that_sam_refuses_fails_with_its_reason(tmp_path: Path):
    broken = (PROJECT / "template.yaml").read_text("utf-8").replace("      Handler: handlers.webhook.handler\n", "")
    file = tmp_path / "template.yaml"
    file.write_text(broken)
    with pytest.raises(CannotTranslate):
        translate(file, CREATED)
    done = rehearse(str(file))
    assert done.returncode == 1
    assert "FAILED" in done.stdout


def test_the_copy_for_moto_refers_to_nothing_that_is_left_out(translated: Translated):
    copy = copy_for_moto(translated.template, CREATED, made_by_moto())
    text = json.dumps(copy.template)
    assert [name for name in copy.left_out if f'"Ref": "{name}"' in text or f"${{{name}" in text] == []
    assert "AWS::NoValue" not in text
    assert copy.retained
