"""A CloudFormation stack in moto with what the operator's command needs of a deployed relay."""

import json
from typing import Any

import boto3

GROUP = "the-group"
OUTPUTS = {
    "ParameterPrefix": {"Value": {"Fn::Sub": "/omni-relay/${Stage}"}},
    "QueueUrl": {"Value": {"Ref": "Queue"}},
    "DeadLetterQueueUrl": {"Value": {"Ref": "DeadLetterQueue"}},
    "TableName": {"Value": {"Ref": "Table"}},
    "RecordsTableName": {"Value": {"Ref": "RecordsTable"}},
    "ScheduleGroupName": {"Value": GROUP},
    "ScheduleFunctionArn": {"Value": "arn:aws:lambda:eu-central-1:123456789012:function:schedule:live"},
    "SchedulerRoleArn": {"Value": "arn:aws:iam::123456789012:role/scheduler"},
    "DeadLetterQueueArn": {"Value": "arn:aws:sqs:eu-central-1:123456789012:letters"},
}


def _table(key: str) -> dict[str, Any]:
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    }


_TEMPLATE: dict[str, Any] = {
    "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "DeadLetterQueue": {"Type": "AWS::SQS::Queue"},
        "Table": _table("id"),
        "RecordsTable": _table("message_id"),
    },
}


def create_stack(name: str = "omni-relay", **changes: Any) -> None:
    """Creates the stack in the moto that the environment names. `changes` replace parts of its template."""
    boto3.client("scheduler").create_schedule_group(Name=GROUP)
    body = json.dumps(_TEMPLATE | {"Outputs": OUTPUTS} | changes)
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=body)
