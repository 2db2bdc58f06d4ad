"""The workflows run the Makefile's own verbs, and no job can do more than it must."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cli.app import VERBS
from sandbox.stack.settings import PROJECT

Json = Any
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (PROJECT / ".github" / "workflows").glob("*.yml")}
JOBS = {f"{file}:{name}": job for file, workflow in WORKFLOWS.items() for name, job in workflow["jobs"].items()}
CREDENTIALS = "aws-actions/configure-aws-credentials@"


def steps(job: Json) -> list[Json]:
    return list(job.get("steps", []))


def commands(job: Json) -> Iterator[str]:
    for step in steps(job):
        yield from re.findall(r"(?:make|omni-relay) [^\n]+", step.get("run", ""))


def targets() -> set[str]:
    lines = re.findall(r"^([a-z./ -]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    return {target for line in lines for target in line.split()}


def test_each_make_of_a_workflow_is_a_target() -> None:
    used = {word for job in JOBS.values() for one in commands(job) for word in re.findall(r"^make ([a-z-]+)", one)}

    assert {"build", "deploy", "publish"} <= used
    assert used <= targets()


def test_each_omni_relay_of_a_workflow_is_a_verb() -> None:
    lines = [one for job in JOBS.values() for one in commands(job)]
    used = {verb for one in lines for verb in re.findall(r"^omni-relay ([a-z-]+)", one)}

    assert {"plan", "push"} <= used
    assert used <= {verb for verbs in VERBS.values() for verb in verbs}


@pytest.mark.parametrize("name", JOBS)
def test_only_a_job_that_signs_in_to_aws_gets_a_token_for_it(name: str) -> None:
    job = JOBS[name]
    signs_in = any(step.get("uses", "").startswith(CREDENTIALS) for step in steps(job))

    assert (job.get("permissions", {}).get("id-token") == "write") == signs_in


@pytest.mark.parametrize("name", [name for name, job in JOBS.items() if "id-token" in job.get("permissions", {})])
def test_dependencies_are_installed_before_there_are_credentials(name: str) -> None:
    kinds = [step.get("run", step.get("uses", "")) for step in steps(JOBS[name])]
    signing_in = next(number for number, kind in enumerate(kinds) if kind.startswith(CREDENTIALS))

    assert any(re.match(r"make (build|\.venv/run)", kind) for kind in kinds[:signing_in])


def test_a_job_that_may_write_runs_nothing_of_a_pull_request() -> None:
    for job in JOBS.values():
        if job.get("permissions", {}).get("pull-requests") == "write":
            assert not [step for step in steps(job) if "uses" in step]
            assert not list(commands(job))


def test_nothing_is_deployed_before_all_tests_have_passed() -> None:
    jobs = WORKFLOWS["deploy.yml"]["jobs"]

    assert jobs["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert jobs["deploy"]["needs"] == "ci"
    assert jobs["publish"]["needs"] == "deploy"


def test_a_tag_goes_to_prod_and_main_to_dev() -> None:
    job = WORKFLOWS["deploy.yml"]["jobs"]["deploy"]

    assert job["environment"] == "${{ github.ref_type == 'tag' && 'prod' || 'dev' }}"
    assert job["env"]["OMNI_RELAY_STACK"] == "${{ github.ref_type == 'tag' && 'omni-relay-prod' || 'omni-relay' }}"
    assert job["env"]["CONFIG_ENV"] == "${{ github.ref_type == 'tag' && 'prod' || 'default' }}"
