"""The operator's command says what to do if it can't reach AWS, or finds another stack there; no traceback."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from cli.app import main
from cli.target import Target


@pytest.fixture
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(variable, "/nowhere")


@pytest.mark.usefixtures("nothing_configured")
def test_without_a_region_it_says_how_to_give_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("AWS: You must specify a region.")
    assert "give --region" in said


@pytest.mark.usefixtures("nothing_configured")
def test_a_profile_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--profile", "nobody"]) == 1
    assert "(nobody) could not be found (choose another by --profile)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("outputs", "missing"),
    [(None, "QueueUrl"), ([{"OutputKey": "QueueUrl", "OutputValue": "https://queue"}], "DeadLetterQueueUrl")],
)
def test_a_stack_of_another_application_is_named_with_the_option_that_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outputs: Any, missing: str
) -> None:
    stack: dict[str, Any] = {
        "StackName": "other",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "StackStatus": "CREATE_COMPLETE",
    }
    client = boto3.client("cloudformation", region_name="eu-central-1")
    monkeypatch.setattr(Target, "client", lambda _target, _service: client)
    with Stubber(client) as cloudformation:
        cloudformation.add_response("describe_stacks", {"Stacks": [stack | ({"Outputs": outputs} if outputs else {})]})

        assert main(["replay", "--stack", "other"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Error: stack other has no output {missing}; ")
    assert "--stack" in said


def test_a_misspelled_verb_is_named_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pusj"]) == 2
    assert "No such command 'pusj'. Did you mean push?" in capsys.readouterr().err


def test_local_without_a_running_stack_says_how_to_start_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUN_FILE", "/nowhere/run.json")
    assert main(["replay", "--local"]) == 2
    assert "start it: make run" in capsys.readouterr().err
