"""The ledger in DynamoDB, built on the idempotency of Powertools and its conditional write."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)
from botocore.exceptions import BotoCoreError, ClientError

from relay import limits
from relay.ports import InFlight, Kind, LedgerUnavailable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDbLedger:
    """Keeps one item per kind and key. The claim of a function that crashed expires at the end of its time.

    `on_unsaved` is called with the kind of each result that could not be recorded.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        ttl_seconds: int,
        *,
        on_unsaved: Callable[[str], None] = lambda _: None,
    ) -> None:
        # Each kind has a store of its own: a store keeps the first configuration that it gets, and actions may nest.
        seconds = dict.fromkeys(get_args(Kind), ttl_seconds) | {"body": limits.REPEAT_SECONDS}
        self._configs = {
            kind: IdempotencyConfig(expires_after_seconds=ttl, hash_function="sha256") for kind, ttl in seconds.items()
        }
        self._stores = {kind: DynamoDBPersistenceLayer(table_name=table, boto3_client=client) for kind in self._configs}
        self._on_unsaved = on_unsaved
        self._down = False  # asking again would take the time in which the rest can still be queued

    def register(self, context: "LambdaContext") -> None:
        """Starts an invocation: its claims expire when its time is over, and a table that failed is asked again."""
        self._down = False
        for config in self._configs.values():
            config.register_lambda_context(context)

    def once(self, kind: Kind, key: str, action: Callable[[], Any]) -> tuple[Any, bool]:
        """Runs the action unless it ran before. See `relay.ports.Ledger`."""
        if self._down:
            raise LedgerUnavailable
        results: list[Any] = []
        failures: list[Exception] = []
        guarded = idempotent_function(
            _kept(action, results, failures),
            data_keyword_argument="key",
            persistence_store=self._stores[kind],
            config=self._configs[kind],
            key_prefix=kind,
        )
        try:
            return guarded(key=key), not results
        except IdempotencyAlreadyInProgressError:
            raise InFlight from None
        except (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError) as problem:
            if failures:  # the claim could not be withdrawn, and expires by itself
                raise failures[0] from None
            if results:  # it ran; if it is sent again, OMNI recognises the message ids
                self._on_unsaved(kind)
                return results[0], False
            self._down = isinstance(problem, IdempotencyPersistenceLayerError)
            raise LedgerUnavailable from problem

    def forget(self, kind: Kind, key: str) -> None:
        """Frees a key. See `relay.ports.Ledger`."""
        self._stores[kind].configure(config=self._configs[kind], key_prefix=kind)
        try:
            self._stores[kind].delete_record(data=key, exception=KeyError())  # type: ignore[arg-type]  # any JSON value is a key
        except (ClientError, BotoCoreError) as problem:
            raise LedgerUnavailable from problem


def _kept(action: Callable[[], Any], results: list[Any], failures: list[Exception]) -> Callable[..., Any]:
    """Returns the action as Powertools calls it. It keeps the result or the failure.

    If the table fails after the action ran, Powertools raises its own error, and result or failure would be lost.
    """

    def run(*, key: str) -> Any:  # noqa: ARG001  # Powertools reads it by its name
        try:
            results.append(action())
        except Exception as failure:
            failures.append(failure)
            raise
        return results[0]

    return run
