"""A stack in moto's CloudFormation: created, changed and deleted, and what the services hold of it."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.rehearsal.templates import StackTemplate
from sandbox.stack.cloud import client
from sandbox.stack.settings import PROJECT
from sandbox.stack.specs import FunctionSpec

STACK = "omni-relay-rehearsal"
Inventory = Mapping[str, frozenset[str]]

# What each service itself lists, under the names by which CloudFormation knows them.
_LISTED: Mapping[str, tuple[str, Callable[[Any], list[str]]]] = {
    "AWS::CloudWatch::Dashboard": (
        "cloudwatch",
        lambda c: [d["DashboardName"] for d in c.list_dashboards()["DashboardEntries"]],
    ),
    "AWS::DynamoDB::Table": ("dynamodb", lambda c: c.list_tables()["TableNames"]),
    "AWS::IAM::Role": ("iam", lambda c: [r["RoleName"] for r in c.list_roles()["Roles"]]),
    "AWS::KMS::Alias": (
        "kms",
        lambda c: [a["AliasName"] for a in c.list_aliases()["Aliases"] if not a["AliasName"].startswith("alias/aws/")],
    ),
    "AWS::Lambda::EventSourceMapping": (
        "lambda",
        lambda c: [m["UUID"] for m in c.list_event_source_mappings()["EventSourceMappings"]],
    ),
    "AWS::Lambda::Function": ("lambda", lambda c: [f["FunctionName"] for f in c.list_functions()["Functions"]]),
    "AWS::Logs::LogGroup": ("logs", lambda c: [g["logGroupName"] for g in c.describe_log_groups()["logGroups"]]),
    "AWS::SNS::Topic": ("sns", lambda c: [t["TopicArn"] for t in c.list_topics()["Topics"]]),
    "AWS::SQS::Queue": ("sqs", lambda c: [u.rpartition("/")[2] for u in c.list_queues().get("QueueUrls", [])]),
    "AWS::SSM::Parameter": (
        "ssm",
        lambda c: [p["Name"] for page in c.get_paginator("describe_parameters").paginate() for p in page["Parameters"]],
    ),
}
LISTED_TYPES = frozenset(_LISTED)


@dataclass(frozen=True, slots=True)
class Deployment:
    """`aws_url` is the address of moto's server."""

    aws_url: str

    def upload(self, bucket: str, key: str, folder: Path) -> None:
        """Puts the code where the template says it is, as `sam deploy` does."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for file in folder.rglob("*.py"):
                archive.write(file, file.relative_to(folder))
        s3 = client("s3", self.aws_url)
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=content.getvalue())

    def create(self, template: StackTemplate, parameters: Mapping[str, str]) -> str:
        """Returns the stack's status. Raises ClientError where moto refuses a resource."""
        return self._change("create_stack", template, parameters)

    def update(self, template: StackTemplate, parameters: Mapping[str, str]) -> str:
        """Returns the stack's status. Raises ClientError where moto refuses a resource."""
        return self._change("update_stack", template, parameters)

    def delete(self) -> None:
        client("cloudformation", self.aws_url).delete_stack(StackName=STACK)

    def outputs(self) -> dict[str, str]:
        [stack] = client("cloudformation", self.aws_url).describe_stacks(StackName=STACK)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def physical_ids(self) -> dict[str, str]:
        """The names of what was made, by logical id. Moto gives some, such as permissions, no name."""
        made = client("cloudformation", self.aws_url).describe_stack_resources(StackName=STACK)["StackResources"]
        return {resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "") for resource in made}

    def inventory(self) -> Inventory:
        """All that the services hold, by resource type."""
        return {kind: frozenset(listed(client(name, self.aws_url))) for kind, (name, listed) in _LISTED.items()}

    def function(self, logical_id: str, name: str) -> FunctionSpec:
        """Reads from Lambda how the deployed function is to be run. Its code is this folder's."""
        found = client("lambda", self.aws_url).get_function_configuration(FunctionName=name)
        logging = found.get("LoggingConfig", {})
        return FunctionSpec(
            logical_id=logical_id,
            name=found["FunctionName"],
            handler=found["Handler"],
            code=PROJECT / "src",
            runtime=found["Runtime"],
            timeout=found["Timeout"],
            memory=found["MemorySize"],
            # Lambda holds texts only. Moto keeps the numbers of the template.
            environment={key: str(value) for key, value in found["Environment"]["Variables"].items()},
            reserved=None,
            log_group=logging.get("LogGroup", f"/aws/lambda/{name}"),
            log_format="Text",
            traced=False,
        )

    def _change(self, call: str, template: StackTemplate, parameters: Mapping[str, str]) -> str:
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
        cloudformation = client("cloudformation", self.aws_url)
        getattr(cloudformation, call)(
            StackName=STACK, TemplateBody=json.dumps(template), Parameters=given, Capabilities=["CAPABILITY_IAM"]
        )
        [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        return str(stack["StackStatus"])
