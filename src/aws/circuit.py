"""Powertools' circuit breaker, its state shared on DynamoDB by all functions."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerOpenError,
    CircuitTransition,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence
from botocore.exceptions import BotoCoreError, ClientError

from relay.ports import BreakerOpen

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_Answer = TypeVar("_Answer")
# One bad answer is chance, five in a row are not; a probe every 15 s is soon enough for retries that wait for minutes.
_FAILURES, _RECOVERY_SECONDS, _CACHE_SECONDS = 5, 15, 2


class Circuit:
    """One circuit by its name. `failures` in a row open it; `on_transition` hears when it opens or closes."""

    def __init__(
        self,
        name: str,
        client: "DynamoDBClient",
        table: str,
        *,
        failures: tuple[type[Exception], ...],
        on_transition: Callable[[CircuitTransition], None],
    ) -> None:
        self._guarded = circuit_breaker(
            name=name,
            persistence_store=CircuitBreakerDynamoDBPersistence(table_name=table, boto3_client=client),
            on_transition=on_transition,
            config=CircuitBreakerConfig(
                failure_threshold=_FAILURES,
                recovery_timeout=_RECOVERY_SECONDS,
                success_threshold=1,
                handled_exceptions=failures,
                local_cache_max_age=_CACHE_SECONDS,
            ),
        )(_run)

    def call(self, work: Callable[[], _Answer]) -> _Answer:
        """Raises BreakerOpen without a call, or what `work` raises, which must not call AWS itself."""
        try:
            answer: _Answer = self._guarded(work)
        except (CircuitBreakerOpenError, ClientError, BotoCoreError):
            # botocore's own failure means that the right to probe can't be had from the table.
            raise BreakerOpen from None
        return answer


def _run(work: Callable[[], _Answer]) -> _Answer:
    return work()
