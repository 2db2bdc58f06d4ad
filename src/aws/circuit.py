"""Powertools' circuit breaker. All functions share its state in DynamoDB."""

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
# One failure may be chance, but five in a row are not. A probe every 15 s is enough, because most retries wait longer.
_FAILURES, _RECOVERY_SECONDS, _CACHE_SECONDS = 5, 15, 2


class Circuit:
    """The circuit of this name. `failures` in a row open it. `on_transition` is called whenever its state changes."""

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
        """Calls `work`, which must not call AWS itself, and returns its result or raises its error.

        Raises:
            BreakerOpen: the circuit is open, and `work` was not called.
        """
        try:
            answer: _Answer = self._guarded(work)
        except (CircuitBreakerOpenError, ClientError, BotoCoreError):
            # An error of botocore means that the table can't grant the right to probe.
            raise BreakerOpen from None
        return answer


def _run(work: Callable[[], _Answer]) -> _Answer:
    return work()
