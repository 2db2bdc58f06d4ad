"""boto3 clients with short timeouts: the sender waits while we wait, and there is always another way to go."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient


def _config(attempts: int) -> Config:
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    return Config(connect_timeout=1, read_timeout=2, retries=retries, tcp_keepalive=True)


@cache
def ssm() -> "SSMClient":
    return boto3.client("ssm", config=_config(2))


@cache
def dynamodb() -> "DynamoDBClient":
    """One attempt: a claim whose answer came late would, repeated, be refused by itself."""
    return boto3.client("dynamodb", config=_config(1))


@cache
def sqs() -> "SQSClient":
    return boto3.client("sqs", config=_config(2))
