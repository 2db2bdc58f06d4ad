"""boto3 clients with short timeouts: the sender waits while we wait, and there is always another way to go."""

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient


def _config(attempts: int, read_timeout: float = 2) -> Config:
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    return Config(connect_timeout=1, read_timeout=read_timeout, retries=retries, tcp_keepalive=True)


@cache
def ssm() -> "SSMClient":
    """Three short attempts: many cold processes at once meet SSM's rate limit, which is the whole account's."""
    return boto3.client("ssm", config=_config(3, read_timeout=1))


@cache
def dynamodb() -> "DynamoDBClient":
    """One attempt: a claim whose answer came late would, repeated, be refused by itself."""
    return boto3.client("dynamodb", config=_config(1))


@cache
def sqs() -> "SQSClient":
    return boto3.client("sqs", config=_config(2))


class IdleConnections:
    """Has connections closed that were not used for a while.

    Lambda purges them while a process is frozen, which that process doesn't notice: the next request would fail on
    one, with no way to know whether it arrived. The wall clock goes on meanwhile, the monotonic one may not.
    """

    LIMIT = 20.0  # seconds

    def __init__(self, close: Callable[[], None], *, clock: Callable[[], float] = time.time) -> None:
        self._close, self._clock = close, clock
        self._used_at = clock()

    def use(self) -> None:
        """Call this before an invocation's first call."""
        now = self._clock()
        if not 0 <= now - self._used_at <= self.LIMIT:
            self._close()
        self._used_at = now
