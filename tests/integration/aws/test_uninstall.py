"""`make uninstall` removes all that a deleted stack leaves, and only what is this installation's."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest

from deploy.__main__ import main
from deploy.account import Account
from deploy.removal import SAM_STACK

STACK = "omni-relay"
BUCKET = "uploads"
Uninstall = Callable[..., int]


class CloudFormation:
    """A stack with a table and two queues, of which it retains one of each kind."""

    def __init__(self, resources: Mapping[str, tuple[str, str]]) -> None:
        self.resources = resources
        self.status = "CREATE_COMPLETE"
        self.protected = False
        self.outputs = [{"OutputKey": "ParameterPrefix", "OutputValue": "/omni-relay/dev"}]

    def get_paginator(self, name: str) -> Any:
        return getattr(self, f"_{name}")()

    def _list_stacks(self) -> Any:
        return _Pages([{"StackSummaries": [{"StackName": STACK, "StackId": "id-of-it"}]}])

    def _list_stack_resources(self) -> Any:
        kept = {"Table", "DeadLetterQueue"}
        gone = self.status == "DELETE_COMPLETE"
        return _Pages(
            [
                {
                    "StackResourceSummaries": [
                        {
                            "LogicalResourceId": name,
                            "ResourceType": kind,
                            "PhysicalResourceId": id_,
                            "ResourceStatus": ("DELETE_SKIPPED" if name in kept else "DELETE_COMPLETE")
                            if gone
                            else "CREATE_COMPLETE",
                        }
                        for name, (kind, id_) in self.resources.items()
                    ]
                }
            ]
        )

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 - boto3's own name
        outputs = [{"OutputKey": "SourceBucket", "OutputValue": BUCKET}] if StackName == SAM_STACK else self.outputs
        stack = {"StackId": "id-of-it", "StackStatus": self.status, "EnableTerminationProtection": self.protected}
        return {"Stacks": [stack | {"Outputs": outputs}]}

    def delete_stack(self, StackName: str) -> None:  # noqa: N803 - boto3's own name
        self.status = "DELETE_COMPLETE"

    def get_waiter(self, name: str) -> Any:
        return self

    def wait(self, StackName: str) -> None:  # noqa: N803 - boto3's own name
        assert self.status == "DELETE_COMPLETE"


class _Pages:
    def __init__(self, pages: list[Any]) -> None:
        self._pages = pages

    def paginate(self, **_: Any) -> Iterator[Any]:
        return iter(self._pages)


class Session:
    """The clients of an account in memory, with that CloudFormation."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.cloudformation: Any = None

    def client(self, name: str) -> Any:
        if name == "cloudformation":
            return self.cloudformation
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        return boto3.client(name, endpoint_url=self._endpoint, region_name="us-east-1", **keys)  # type: ignore[call-overload]  # the name is any service's


@pytest.fixture
def session(moto_endpoint: str) -> Session:
    """An installation `dev` in use, and the parameters and the code of another one."""
    made = Session(moto_endpoint)
    queue, dead = (made.client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in ("queue", "dead"))
    made.client("dynamodb").create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        DeletionProtectionEnabled=True,
    )
    names = [f"/omni-relay/dev/scenarios/{number}" for number in range(12)]
    for name in [*names, "/omni-relay/prod/scenarios/one"]:
        made.client("ssm").put_parameter(Name=name, Value="key", Type="SecureString")
    made.client("s3").create_bucket(Bucket=BUCKET)
    made.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for key in (f"{STACK}/code", f"{STACK}/code", f"{STACK}-prod/code"):
        made.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"zip")
    made.cloudformation = CloudFormation(
        {
            "Table": ("AWS::DynamoDB::Table", "table"),
            "Queue": ("AWS::SQS::Queue", queue),
            "DeadLetterQueue": ("AWS::SQS::Queue", dead),
            "Api": ("AWS::ApiGatewayV2::Api", "abc"),
        }
    )
    return made


@pytest.fixture
def uninstall(session: Session, monkeypatch: pytest.MonkeyPatch) -> Uninstall:
    monkeypatch.setattr("deploy.__main__.account", lambda: Account(session, "us-east-1", "123456789012"))  # type: ignore[arg-type]  # a session with the clients that are asked for

    def run(**environment: str) -> int:
        for name in ("REMOVE", "KEEP_DATA", "STACK", "CONFIG_ENV"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return main(["uninstall"])

    return run


def tables(session: Session) -> list[str]:
    return list(session.client("dynamodb").list_tables()["TableNames"])


def parameters(session: Session) -> list[str]:
    pages = session.client("ssm").get_paginator("describe_parameters").paginate()
    return [parameter["Name"] for page in pages for parameter in page["Parameters"]]


def objects(session: Session) -> list[str]:
    return [one["Key"] for one in session.client("s3").list_object_versions(Bucket=BUCKET).get("Versions", [])]


def test_without_the_stack_s_name_it_only_lists(
    session: Session, uninstall: Uninstall, capsys: pytest.CaptureFixture[str]
) -> None:
    assert uninstall() == 1

    shown = capsys.readouterr()
    assert "DeadLetterQueue: " in shown.out
    assert "parameter /omni-relay/dev/scenarios/11" in shown.out
    assert "REMOVE=omni-relay" in shown.err
    assert session.cloudformation.status == "CREATE_COMPLETE"
    assert len(parameters(session)) == 13


def test_it_leaves_nothing_of_the_installation_and_all_of_another(session: Session, uninstall: Uninstall) -> None:
    assert uninstall(REMOVE=STACK) == 0

    assert session.cloudformation.status == "DELETE_COMPLETE"
    assert tables(session) == []
    assert [url for url in session.client("sqs").list_queues()["QueueUrls"] if url.endswith("/dead")] == []
    assert parameters(session) == ["/omni-relay/prod/scenarios/one"]
    assert objects(session) == [f"{STACK}-prod/code"]


def test_an_interrupted_removal_goes_on_where_it_stopped(session: Session, uninstall: Uninstall) -> None:
    session.cloudformation.delete_stack("id-of-it")
    session.client("dynamodb").update_table(TableName="table", DeletionProtectionEnabled=False)
    session.client("dynamodb").delete_table(TableName="table")

    assert uninstall(REMOVE=STACK) == 0
    assert parameters(session) == ["/omni-relay/prod/scenarios/one"]


def test_data_can_be_kept(session: Session, uninstall: Uninstall) -> None:
    assert uninstall(REMOVE=STACK, KEEP_DATA="1") == 0

    assert tables(session) == ["table"]
    assert parameters(session) == ["/omni-relay/prod/scenarios/one"]


def test_a_protected_stack_stays(session: Session, uninstall: Uninstall, capsys: pytest.CaptureFixture[str]) -> None:
    session.cloudformation.protected = True

    assert uninstall(REMOVE=STACK) == 1
    assert "make unprotect" in capsys.readouterr().err
    assert len(parameters(session)) == 13


def test_a_stack_that_is_no_relay_is_left_alone(
    session: Session, uninstall: Uninstall, capsys: pytest.CaptureFixture[str]
) -> None:
    session.cloudformation.outputs = []

    assert uninstall(REMOVE=STACK) == 1
    assert "not a relay's" in capsys.readouterr().err
    assert session.cloudformation.status == "CREATE_COMPLETE"
