"""The operator's command says what to do if it can't reach AWS, or finds another stack there; no traceback."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from cli.__main__ import main


def test_without_a_region_it_says_which_variable_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(variable, "/nowhere")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    assert main(["replay"]) == 1
    assert "Set AWS_DEFAULT_REGION" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("outputs", "missing"),
    [(None, "QueueUrl"), ([{"OutputKey": "QueueUrl", "OutputValue": "https://queue"}], "DeadLetterQueueUrl")],
)
def test_a_stack_of_another_application_is_named_with_the_options_that_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outputs: Any, missing: str
) -> None:
    stack: dict[str, Any] = {
        "StackName": "other",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "StackStatus": "CREATE_COMPLETE",
    }
    client = boto3.client("cloudformation", region_name="eu-central-1")
    monkeypatch.setattr(boto3, "client", lambda _service: client)
    with Stubber(client) as cloudformation:
        cloudformation.add_response("describe_stacks", {"Stacks": [stack | ({"Outputs": outputs} if outputs else {})]})

        assert main(["replay", "--stack", "other"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"stack other has no output {missing}; ")
    assert all(option in said for option in ("--stack", "--queue-url", "--dead-letter-queue-url"))
