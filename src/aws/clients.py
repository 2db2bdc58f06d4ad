"""boto3 clients with short timeouts, because the sender waits with us and there is always a fallback."""

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


def _config(attempts: int, read_timeout: float = 2, connect_timeout: float = 1) -> Config:
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    return Config(connect_timeout=connect_timeout, read_timeout=read_timeout, retries=retries, tcp_keepalive=True)


@cache
def ssm() -> "SSMClient":
    """Makes three short attempts, because many cold processes at once reach SSM's rate limit for the whole account."""
    return boto3.client("ssm", config=_config(3, read_timeout=1))


@cache
def dynamodb() -> "DynamoDBClient":
    """Makes one attempt. If the answer to a claim is lost, a second attempt would be refused as a copy."""
    return boto3.client("dynamodb", config=_config(1))


@cache
def records() -> "DynamoDBClient":
    """Makes one short attempt at a record, because the message was sent and its sender still waits."""
    return boto3.client("dynamodb", config=_config(1, read_timeout=0.7, connect_timeout=0.3))


@cache
def patient_records() -> "DynamoDBClient":
    """Makes three attempts, for functions that nobody waits for."""
    return boto3.client("dynamodb", config=_config(3))


@cache
def events() -> Any:
    """Makes one short attempt, because a sender may wait until a parking is published."""
    return boto3.client("events", config=_config(1, read_timeout=0.7, connect_timeout=0.3))


@cache
def sqs() -> "SQSClient":
    return boto3.client("sqs", config=_config(2))


class IdleConnections:
    """Calls `close` if the connections were idle for longer than `LIMIT`.

    Lambda drops the connections of a frozen process, and the process doesn't notice. The next request would fail, and
    nobody could tell whether it arrived. The wall clock is used because the monotonic one may stop in a frozen process.
    """

    LIMIT = 20.0  # seconds

    def __init__(self, close: Callable[[], None], *, clock: Callable[[], float] = time.time) -> None:
        self._close, self._clock = close, clock
        self._used_at = clock()

    def use(self) -> None:
        """Must be called before the first request of each invocation."""
        now = self._clock()
        if not 0 <= now - self._used_at <= self.LIMIT:
            self._close()
        self._used_at = now
