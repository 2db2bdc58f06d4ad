"""The stack can be created, whatever its name is, beside others, and with the options that it offers."""

import json
import tomllib
from pathlib import Path

from cli.plans import plan_of
from configuration.parameters import Parameter
from sandbox.stack.sam_template import read_template
from tests.support.template import Json, of_type

# ---- What would have broken the first deployment


def test_a_warning_about_the_generated_openapi_does_not_roll_the_stack_back(document: dict[str, Json]) -> None:
    # SAM writes the path parameter {source} without a schema, which API Gateway may warn of.
    [api] = of_type(document, "AWS::Serverless::HttpApi").values()

    assert not api.get("FailOnWarnings", False)


def test_lambda_lets_a_function_send_to_the_queue_that_invokes_it(document: dict[str, Json]) -> None:
    # Lambda's default stops such chains after about 16 rounds, and the dispatch would end without a reason.
    consumers = [
        function
        for function in of_type(document, "AWS::Serverless::Function").values()
        if any(event["Type"] == "SQS" for event in function["Events"].values())
    ]

    assert [function["RecursiveLoop"] for function in consumers] == ["Allow"]


# ---- Several stacks


def test_a_second_stack_of_a_stage_fails_and_leaves_nothing(document: dict[str, Json]) -> None:
    # CloudFormation refuses the second parameter of this name, and says which stack has the first.
    claim = document["Resources"]["StageClaim"]
    kept = [name for name, one in document["Resources"].items() if one.get("DeletionPolicy", "Delete") != "Delete"]

    assert (claim["Type"], claim["Properties"]["Name"]) == (
        "AWS::SSM::Parameter",
        {"Fn::Sub": "/omni-relay/${Stage}/stack"},
    )
    assert claim["Properties"]["Value"] == {"Ref": "AWS::StackName"}
    assert {document["Resources"][name].get("DependsOn") for name in kept} == {"StageClaim"}


def test_a_push_leaves_the_claim_alone() -> None:
    claim = Parameter("stack", "String", "omni-relay")

    assert not plan_of({"stack": claim}, [], 0).changes


def test_no_name_grows_with_the_stack_s_name_beyond_what_the_service_takes(document: dict[str, Json]) -> None:
    # A stack's name may have 128 characters. A log group's may have 512; a queue's 80, and a function's 64.
    named = {"QueueName", "FunctionName", "RoleName", "TableName", "TopicName", "AlarmName", "Name"}

    for name, resource in document["Resources"].items():
        physical = [value for key, value in resource.get("Properties", {}).items() if key in named]
        assert "AWS::StackName" not in json.dumps(physical), name


# ---- Options


def test_the_webhook_s_concurrency_is_reserved_if_asked_for(project: Path) -> None:
    def reserved(**parameters: str) -> int | None:
        read = read_template(project / "template.yaml", cloud_url="http://cloud.test", parameters=parameters)
        return read.functions["WebhookFunction"].reserved

    assert reserved() is None
    assert reserved(WebhookConcurrency="50") == 50


def test_a_domain_and_its_certificate_come_together_or_not_at_all(document: dict[str, Json]) -> None:
    assert document["Rules"].keys() == {"DomainNeedsCertificate", "CertificateNeedsDomain"}
    assert {document["Resources"][name]["Condition"] for name in ("Domain", "DomainMapping")} == {"HasDomain"}
    assert {document["Parameters"][name]["Default"] for name in ("DomainName", "CertificateArn", "BasePath")} == {""}


def test_every_resource_that_costs_by_use_bears_the_stage(document: dict[str, Json]) -> None:
    # `Globals` tag the functions and the API.
    tag = [{"Key": "stage", "Value": {"Ref": "Stage"}}]

    for kind in ("AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup"):
        assert all(resource["Tags"] == tag for resource in of_type(document, kind).values())
    assert (
        document["Globals"]["Function"]["Tags"] == document["Globals"]["HttpApi"]["Tags"] == {"stage": {"Ref": "Stage"}}
    )


def test_the_application_repository_is_told_what_the_project_says(document: dict[str, Json], project: Path) -> None:
    told = document["Metadata"]["AWS::ServerlessRepo::Application"]
    said = tomllib.loads((project / "pyproject.toml").read_text())["project"]

    assert (told["Name"], told["Description"], told["SpdxLicenseId"]) == (
        said["name"],
        said["description"],
        said["license"],
    )
    assert all((project / told[url]).is_file() for url in ("LicenseUrl", "ReadmeUrl"))
