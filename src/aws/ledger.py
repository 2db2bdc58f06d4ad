"""The ledger on DynamoDB: Powertools' idempotency, with its conditional write, behind relay's protocol."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)
from botocore.exceptions import BotoCoreError, ClientError

from relay.ports import InFlight, Kind, LedgerUnavailable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDbLedger:
    """One item per kind and key. A claim whose function died is free again when that function's time is over."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        ttl_seconds: int,
        *,
        on_unsaved: Callable[[str], None] = lambda _: None,
        store: "BasePersistenceLayer | None" = None,
    ) -> None:
        """`on_unsaved` hears of results that could not be recorded; `store` replaces the table in tests."""
        self._config = IdempotencyConfig(expires_after_seconds=ttl_seconds, hash_function="sha256")
        self._store = store or DynamoDBPersistenceLayer(table_name=table, boto3_client=client)
        self._on_unsaved = on_unsaved
        self._down = False  # asking again would use up the time in which the rest can still be queued

    def register(self, context: "LambdaContext") -> None:
        """Claims made from now on lapse when this invocation's time is over; a table that failed is asked again."""
        self._down = False
        self._config.register_lambda_context(context)

    def once(self, kind: Kind, key: str, action: Callable[[], Any]) -> tuple[Any, bool]:
        """Runs the action unless it ran before. See `relay.ports.Ledger`."""
        if self._down:
            raise LedgerUnavailable
        results: list[Any] = []
        failures: list[Exception] = []

        def run(*, key: str) -> Any:  # noqa: ARG001 - Powertools reads it by its name
            try:
                results.append(action())
            except Exception as failure:
                failures.append(failure)
                raise
            return results[0]

        guarded = idempotent_function(
            run, data_keyword_argument="key", persistence_store=self._store, config=self._config, key_prefix=kind
        )
        try:
            return guarded(key=key), not results
        except IdempotencyAlreadyInProgressError:
            raise InFlight from None
        except (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError) as problem:
            if failures:  # the claim could not be withdrawn, and lapses by itself
                raise failures[0] from None
            if results:  # it ran: what could not be recorded, OMNI recognises by the message ids
                self._on_unsaved(kind)
                return results[0], False
            self._down = isinstance(problem, IdempotencyPersistenceLayerError)
            raise LedgerUnavailable from problem

    def forget(self, kind: Kind, key: str) -> None:
        """Frees a key. See `relay.ports.Ledger`."""
        self._store.configure(config=self._config, key_prefix=kind)
        try:
            self._store.delete_record(data=key, exception=KeyError())  # type: ignore[arg-type]  # any JSON value is a key
        except (ClientError, BotoCoreError) as problem:
            raise LedgerUnavailable from problem
