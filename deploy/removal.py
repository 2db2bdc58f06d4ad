"""Removes an installation and all that a deleted stack leaves: table, queues, configuration, uploaded code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy.problems import CannotDeployError

HOLDS_DATA = frozenset({"AWS::DynamoDB::Table", "AWS::SQS::Queue"})
SAM_STACK = "aws-sam-cli-managed-default"  # SAM makes it at the first deployment of an account and region
PARAMETERS_A_CALL = 10
OBJECTS_A_CALL = 1000


@dataclass(frozen=True, slots=True)
class Left:
    """A table or queue: its name in the template, its type, and its name or URL in AWS."""

    name: str
    type: str
    id: str


class Removal:
    """One installation. Each step leaves alone what is already gone, so an interrupted removal can be started again."""

    def __init__(self, session: Any, stack: str) -> None:
        """Raises CannotDeployError if there is no such stack, or if it isn't a relay's."""
        self._session = session
        self._name = stack
        self._cloudformation = session.client("cloudformation")
        self._stack = self._found()
        outputs = {one["OutputKey"]: one["OutputValue"] for one in self._stack.get("Outputs", [])}
        self.prefix = outputs.get("ParameterPrefix", "")
        if not self.prefix.startswith("/omni-relay/"):
            raise CannotDeployError(f"stack {stack} has no output ParameterPrefix, so it is not a relay's")

    def _found(self) -> Any:
        """Returns the stack. A deleted one is found by its id, because its table and queues may still be there."""
        pages = self._cloudformation.get_paginator("list_stacks").paginate()
        for summary in (summary for page in pages for summary in page["StackSummaries"]):
            if summary["StackName"] == self._name:  # the newest comes first
                return self._cloudformation.describe_stacks(StackName=summary["StackId"])["Stacks"][0]
        raise CannotDeployError(f"there is no stack {self._name} in this account and region; STACK=… names another")

    def data(self) -> list[Left]:
        """Returns the tables and queues that are still there."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self._stack["StackId"])
        resources = (resource for page in pages for resource in page["StackResourceSummaries"])
        return [
            Left(one["LogicalResourceId"], one["ResourceType"], one["PhysicalResourceId"])
            for one in resources
            if one["ResourceType"] in HOLDS_DATA and one["ResourceStatus"] != "DELETE_COMPLETE"
        ]

    def parameters(self) -> list[str]:
        """Returns the names of the configuration and secrets in SSM."""
        pages = self._session.client("ssm").get_paginator("get_parameters_by_path")
        found = pages.paginate(Path=self.prefix, Recursive=True, WithDecryption=False)
        return sorted(parameter["Name"] for page in found for parameter in page["Parameters"])

    def delete_stack(self) -> None:
        """Deletes the stack and waits. Raises CannotDeployError while it is protected."""
        if self._stack["StackStatus"] == "DELETE_COMPLETE":
            return
        if self._stack.get("EnableTerminationProtection"):
            raise CannotDeployError(f"stack {self._name} is protected: make unprotect STACK={self._name}")
        self._cloudformation.delete_stack(StackName=self._stack["StackId"])
        self._cloudformation.get_waiter("stack_delete_complete").wait(StackName=self._stack["StackId"])

    def delete_data(self) -> None:
        """Deletes the tables and queues that the deleted stack retained."""
        dynamodb, sqs = self._session.client("dynamodb"), self._session.client("sqs")
        for left in self.data():
            try:
                if left.type == "AWS::SQS::Queue":
                    sqs.delete_queue(QueueUrl=left.id)
                else:
                    dynamodb.update_table(TableName=left.id, DeletionProtectionEnabled=False)
                    dynamodb.delete_table(TableName=left.id)
            except (dynamodb.exceptions.ResourceNotFoundException, sqs.exceptions.QueueDoesNotExist):
                continue

    def delete_parameters(self) -> None:
        names = self.parameters()
        for start in range(0, len(names), PARAMETERS_A_CALL):
            self._session.client("ssm").delete_parameters(Names=names[start : start + PARAMETERS_A_CALL])

    def delete_code(self) -> None:
        """Deletes what `make deploy` uploaded for this stack, in all versions, and leaves SAM's bucket."""
        bucket = self._bucket()
        versions = list(self._versions(bucket)) if bucket else []
        for start in range(0, len(versions), OBJECTS_A_CALL):
            self._session.client("s3").delete_objects(
                Bucket=bucket, Delete={"Objects": versions[start : start + OBJECTS_A_CALL], "Quiet": True}
            )

    def _bucket(self) -> str | None:
        try:
            [stack] = self._cloudformation.describe_stacks(StackName=SAM_STACK)["Stacks"]
        except ClientError:
            return None
        return next((one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "SourceBucket"), None)

    def _versions(self, bucket: str) -> Iterator[dict[str, str]]:
        pages = self._session.client("s3").get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, Prefix=f"{self._name}/"):
            for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield {"Key": one["Key"], "VersionId": one["VersionId"]}
