"""`make deploy` by the real SAM CLI, against a CloudFormation that creates nothing and an S3 in memory."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import boto3
import pytest
import yaml
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from sandbox.stack.settings import PROJECT
from tests.support.cloudformation import CloudFormation, cloudformation

pytestmark = pytest.mark.e2e

BUCKET = "uploads"
Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """The variables that lead to S3 and STS in memory. A folder of no credentials keeps those of this machine away."""
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    url = f"http://127.0.0.1:{server.server_port}"
    s3 = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="local", aws_secret_access_key="local"
    )
    s3.create_bucket(Bucket=BUCKET)
    yield keys | {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true"}
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def stub() -> Iterator[CloudFormation]:
    with cloudformation(BUCKET) as running:
        yield running


@pytest.fixture
def make(aws: dict[str, str], stub: CloudFormation, tmp_path: Path) -> Make:
    """Runs a target of the Makefile. It has no input, so a question would end it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    files = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}

    def run(target: str, *variables: str, **changed: str) -> subprocess.CompletedProcess[str]:
        environment = own | files | aws | {"AWS_ENDPOINT_URL_CLOUDFORMATION": stub.url} | changed
        return subprocess.run(
            ["make", target, *variables],
            cwd=PROJECT,
            env={name: value for name, value in environment.items() if value},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    return run


def parameters(stub: CloudFormation) -> dict[str, str]:
    """Returns the parameters of the last change set. A parameter without a value keeps its former one."""
    request, given = stub.change_sets[-1], {}
    for number in range(1, 100):
        key = request.get(f"Parameters.member.{number}.ParameterKey")
        value = request.get(f"Parameters.member.{number}.ParameterValue")
        if key and value is not None:
            given[key] = value
    return given


def test_a_first_deployment_asks_nothing_and_ends_well(make: Make, stub: CloudFormation) -> None:
    tracked = {path: path.read_bytes() for path in (PROJECT / "samconfig.toml", PROJECT / "template.yaml")}

    done = make("deploy", "PARAMETERS=Stage=test LogRetentionDays=90", "TAGS=team='ops on call'", "STACK=relay-test")

    assert done.returncode == 0, done.stdout + done.stderr
    assert stub.executed == ["relay-test"]
    assert parameters(stub) == {"Stage": "test", "LogRetentionDays": "90", "Architecture": "arm64"}
    assert "Deploying relay-test to account 123456789012 in eu-central-1" in done.stdout
    assert {path: path.read_bytes() for path in tracked} == tracked


def test_build_and_deploy_agree_on_another_processor(make: Make, stub: CloudFormation) -> None:
    done = make("deploy", "PARAMETERS=Architecture=x86_64")

    template = yaml.safe_load((PROJECT / ".aws-sam" / "build" / "template.yaml").read_text())
    assert done.returncode == 0, done.stdout + done.stderr
    assert template["Parameters"]["Architecture"]["AllowedValues"] == ["x86_64"]
    assert parameters(stub)["Architecture"] == "x86_64"


def test_with_confirm_nothing_changes_without_an_answer(make: Make, stub: CloudFormation) -> None:
    done = make("deploy", "CONFIRM=1")

    assert "Deploy this changeset?" in done.stdout
    assert stub.change_sets
    assert not stub.executed
