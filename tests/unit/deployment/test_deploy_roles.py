"""deploy/github.yaml: only this repository's runs get in, and CloudFormation may make all that template.yaml lists."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stack.intrinsics import load_yaml
from sandbox.stack.settings import PROJECT

Json = Any
# The service whose permissions a type of the template needs. SAM makes others of some types.
SERVICES = {
    "AWS::ApiGatewayV2": {"apigateway"},
    "AWS::CloudWatch": {"cloudwatch"},
    "AWS::CodeDeploy": {"codedeploy"},
    "AWS::DynamoDB": {"dynamodb"},
    "AWS::IAM": {"iam"},
    "AWS::Lambda": {"lambda"},
    "AWS::Logs": {"logs"},
    "AWS::SNS": {"sns"},
    "AWS::SQS": {"sqs"},
    "AWS::SSM": {"ssm"},
    "AWS::Scheduler": {"scheduler"},
    "AWS::Serverless": {"lambda", "apigateway", "scheduler", "codedeploy"},
}
# Their ids are chosen by AWS, or the service knows no narrower resource.
WITHOUT_NAMES = {"QueueToFunction", "AccessLogsOfTheApi", "DescribeParameters", "ListTheSchedules"}


RESOURCES = load_yaml(PROJECT / "deploy" / "github.yaml")["Resources"]


@pytest.fixture(scope="module")
def roles() -> dict[str, Json]:
    return {name: role["Properties"] for name, role in RESOURCES.items() if role["Type"] == "AWS::IAM::Role"}


def statements(role: Json) -> Iterator[dict[str, Json]]:
    for policy in role["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def trust(role: Json) -> Json:
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    return statement["Condition"]["StringEquals"]


def test_cloudformation_may_make_each_type_that_the_template_lists(
    document: dict[str, Json], roles: dict[str, Json]
) -> None:
    allowed = {
        action.partition(":")[0] for one in statements(roles["CloudFormationRole"]) for action in listed(one["Action"])
    }
    types = {resource["Type"].rpartition("::")[0] for resource in document["Resources"].values()}

    assert {kind for kind in types if not SERVICES[kind] <= allowed} == set()


def test_the_stage_s_names_are_within_the_roles_reach(document: dict[str, Json], roles: dict[str, Json]) -> None:
    """Other functions are named by CloudFormation, after the stack."""
    named = [
        resource["Properties"]["FunctionName"]["Fn::Sub"]
        for resource in document["Resources"].values()
        if "FunctionName" in resource.get("Properties", {}) and "Function" in resource["Type"]
    ]
    functions = [
        arn["Fn::Sub"].rpartition(":function:")[2]
        for one in statements(roles["CloudFormationRole"])
        if one["Sid"] == "Functions"
        for arn in one["Resource"]
    ]

    assert set(named) <= set(functions)


def test_only_a_run_of_the_environment_may_deploy(roles: dict[str, Json]) -> None:
    assert trust(roles["DeployRole"]) == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
    }


def test_a_pull_request_may_only_read(roles: dict[str, Json]) -> None:
    actions = [action for one in statements(roles["PreviewRole"]) for action in listed(one["Action"])]

    assert trust(roles["PreviewRole"])["token.actions.githubusercontent.com:sub"] == {
        "Fn::Sub": "repo:${Repository}:pull_request"
    }
    assert set(actions) == {
        "cloudformation:DescribeStacks",
        "ssm:GetParametersByPath",
        "dynamodb:GetItem",
        "scheduler:GetSchedule",
        "scheduler:ListSchedules",
    }


def test_cloudformation_may_do_all_that_dynamodb_asks_of_whoever_chooses_a_key() -> None:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html#dynamodb-kms-authz
    asked = ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"]
    [statement] = RESOURCES["KeyPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert set(statement["Action"]) >= {f"kms:{name}" for name in (*asked, "DescribeKey", "CreateGrant")}
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}


def test_a_run_reads_with_the_stack_s_own_key_through_parameters_and_the_table_only() -> None:
    policy = RESOURCES["ReadingKeyPolicy"]["Properties"]
    [statement] = policy["PolicyDocument"]["Statement"]
    through = [one["Fn::Sub"].partition(".")[0] for one in statement["Condition"]["StringEquals"]["kms:ViaService"]]

    assert policy["Roles"][0] == {"Ref": "DeployRole"}
    assert policy["Roles"][1]["Fn::If"][:2] == ["Previews", {"Ref": "PreviewRole"}]
    assert (statement["Action"], statement["Resource"]) == ("kms:Decrypt", {"Ref": "KmsKeyArn"})
    assert through == ["ssm", "dynamodb"]


def test_no_role_of_deployment_has_a_wildcard_for_actions(roles: dict[str, Json]) -> None:
    for role in roles.values():
        for one in statements(role):
            assert not [action for action in listed(one["Action"]) if "*" in action]
            if one["Sid"] not in WITHOUT_NAMES:
                assert "*" not in listed(one["Resource"]), one["Sid"]
