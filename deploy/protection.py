"""Termination protection, and a stack policy under which no update replaces or deletes what holds data."""

import json
from typing import Any

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}
KEEP_DATA = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": ["Update:Replace", "Update:Delete"],
    "Resource": "*",
    "Condition": {"StringEquals": {"ResourceType": ["AWS::DynamoDB::Table", "AWS::SQS::Queue"]}},
}


def protect(cloudformation: Any, stack: str, *, on: bool) -> None:
    """Switches both on or off. A stack policy can't be removed, so the one for `off` allows everything."""
    statements = [ALLOW, KEEP_DATA] if on else [ALLOW]
    cloudformation.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps({"Statement": statements}))
    cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=on)
