"""OMNI behind Powertools' circuit breaker, its state shared on DynamoDB by all functions."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerOpenError,
    CircuitTransition,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence
from botocore.exceptions import BotoCoreError, ClientError

from aws.configuration import OmniAccount
from omni.client import OmniClient
from omni.errors import AnswerError, MalformedAnswer, ServerError, TransportError
from omni.models import AdvancedRequest, OmniResponse, TextRequest
from relay.ports import BreakerOpen, ConfigurationUnavailable, NoTimeLeft

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CIRCUIT = "circuit#omni"
LEAST_SECONDS = 0.5  # less is not worth starting, and its end would be taken for OMNI's failure
# An answer that refuses us (401, 429, 400) shows that OMNI is up: only its being down opens the circuit.
_DOWN = (TransportError, ServerError, MalformedAnswer)


class AccountSource(Protocol):
    """Where the account stands; it may change."""

    def account(self) -> OmniAccount:
        """Raises ConfigurationUnavailable."""
        ...


class OmniBreaker:
    """A client that follows the configured account, called through one circuit."""

    def __init__(
        self,
        configuration: AccountSource,
        client: "DynamoDBClient",
        table: str,
        *,
        on_transition: Callable[[CircuitTransition], None],
        on_mistake: Callable[[str], None] = lambda _: None,
        span: Callable[[str], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        """`on_transition` hears when the circuit opens or closes, `on_mistake` of an account that can't be used;
        `span` traces each call.
        """
        self._span = span
        self._on_mistake = on_mistake
        self._configuration = configuration
        self._account: OmniAccount | None = None
        self._client: OmniClient | None = None
        self._guarded = circuit_breaker(
            name=CIRCUIT,
            persistence_store=CircuitBreakerDynamoDBPersistence(table_name=table, boto3_client=client),
            on_transition=on_transition,
            config=CircuitBreakerConfig(
                failure_threshold=5,
                recovery_timeout=15,
                success_threshold=1,
                handled_exceptions=_DOWN,
                local_cache_max_age=2,
            ),
        )(self._call)

    def send(self, request: TextRequest | AdvancedRequest, deadline: float) -> OmniResponse:
        """See `relay.ports.OmniGateway`."""
        until = time.monotonic() + deadline
        client = self._current_client()
        try:
            answer: OmniResponse | AnswerError = self._guarded(client, request, until)
        except (CircuitBreakerOpenError, ClientError, BotoCoreError):
            # OMNI's own failures are OmniErrors: botocore's mean that the right to probe can't be had from the table.
            raise BreakerOpen from None
        if isinstance(answer, AnswerError):
            raise answer
        return answer

    def close(self) -> None:
        """Closes what connections there are; the next call opens a new one."""
        if self._client is not None:
            self._client.close()

    def _call(
        self, client: OmniClient, request: TextRequest | AdvancedRequest, until: float
    ) -> OmniResponse | AnswerError:
        """A refusal is returned, not raised: to the circuit it is a success, which ends a streak and a probe."""
        deadline = until - time.monotonic()  # reading configuration and circuit took their part
        if deadline < LEAST_SECONDS:
            raise NoTimeLeft
        try:
            with self._span("omni"):
                if isinstance(request, TextRequest):
                    return client.send_text(request, deadline=deadline)
                return client.send_advanced(request, deadline=deadline)
        except AnswerError as refusal:
            if isinstance(refusal, _DOWN):
                raise
            return refusal

    def _current_client(self) -> OmniClient:
        account = self._configuration.account()
        if self._client is None or account != self._account:
            try:
                self._client = OmniClient(account.base_url, account.authorization)
            except ValueError as mistake:  # the client's own words: they quote neither
                self._on_mistake(f"omni/base-url or omni/authorization: {mistake}")
                raise ConfigurationUnavailable("omni") from None
            self._account = account
        return self._client
