"""A CloudFormation stack in moto with what the operator's command needs of a deployed relay."""

import json
from typing import Any

import boto3

OUTPUTS = {
    "ParameterPrefix": {"Value": {"Fn::Sub": "/omni-relay/${Stage}"}},
    "QueueUrl": {"Value": {"Ref": "Queue"}},
    "DeadLetterQueueUrl": {"Value": {"Ref": "DeadLetterQueue"}},
    "TableName": {"Value": {"Ref": "Table"}},
}
_KEY = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}
_TEMPLATE: dict[str, Any] = {
    "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "DeadLetterQueue": {"Type": "AWS::SQS::Queue"},
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                **_KEY,
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        },
    },
}


def create_stack(name: str = "omni-relay", **changes: Any) -> None:
    """Creates the stack in the moto that the environment names. `changes` replace parts of its template."""
    body = json.dumps(_TEMPLATE | {"Outputs": OUTPUTS} | changes)
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=body)
