"""Calls OMNI for the relay: a client that follows the configured account, behind the circuit breaker."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Protocol, TypeVar

from aws.circuit import Circuit
from aws.configuration import OmniAccount
from omni.client import OmniClient
from omni.errors import AnswerError, MalformedAnswer, ServerError, TransportError
from omni.models import AdvancedRequest, Log, OmniResponse, Report, TextRequest
from relay.ports import ConfigurationUnavailable, NoTimeLeft

Answer = TypeVar("Answer")
MOST_RESULTS = 1000  # OMNI gives no more in one answer
LEAST_SECONDS = 0.5  # a shorter call is not worth starting, and its time-out would be taken for OMNI's failure
# These open the circuit. An answer that refuses us (401, 429, 400) doesn't, because it shows that OMNI is up.
DOWN = (TransportError, ServerError, MalformedAnswer)


class AccountSource(Protocol):
    """Holds the account, which may change."""

    def account(self) -> OmniAccount:
        """Raises ConfigurationUnavailable."""
        ...


class GuardedOmni:
    """See `relay.ports.OmniGateway`. `on_mistake` hears of an account that can't be used; `span` traces each call."""

    def __init__(
        self,
        configuration: AccountSource,
        circuit: Circuit,
        *,
        on_mistake: Callable[[str], None] = lambda _: None,
        span: Callable[[str], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self._configuration, self._circuit = configuration, circuit
        self._on_mistake, self._span = on_mistake, span
        self._account: OmniAccount | None = None
        self._client: OmniClient | None = None

    def send(self, request: TextRequest | AdvancedRequest, deadline: float) -> OmniResponse:
        """See `relay.ports.OmniGateway`."""

        def call(client: OmniClient, left: float) -> OmniResponse:
            if isinstance(request, TextRequest):
                return client.send_text(request, deadline=left)
            return client.send_advanced(request, deadline=left)

        return self._guarded(call, deadline)

    def logs(self, *, bulk_ids: Sequence[str] = (), message_ids: Sequence[str] = (), deadline: float) -> Sequence[Log]:
        """See `relay.ports.OmniGateway`."""

        def call(client: OmniClient, left: float) -> Sequence[Log]:
            return client.logs(bulk_id=bulk_ids, message_id=message_ids, limit=MOST_RESULTS, deadline=left).results

        return self._guarded(call, deadline)

    def reports(self, bulk_id: str, deadline: float) -> Sequence[Report]:
        """See `relay.ports.OmniGateway`."""

        def call(client: OmniClient, left: float) -> Sequence[Report]:
            return client.reports(bulk_id=bulk_id, limit=MOST_RESULTS, deadline=left).results

        return self._guarded(call, deadline)

    def close(self) -> None:
        """Closes all connections. The next call opens a new one."""
        if self._client is not None:
            self._client.close()

    def _guarded(self, call: Callable[[OmniClient, float], Answer], deadline: float) -> Answer:
        """Calls OMNI through the circuit. It has to count a refusal as a success of OMNI's, so it is raised outside."""
        until = time.monotonic() + deadline
        answer = self._circuit.call(partial(self._call, call, self._current_client(), until))
        if isinstance(answer, AnswerError):
            raise answer
        return answer

    def _call(
        self, call: Callable[[OmniClient, float], Answer], client: OmniClient, until: float
    ) -> Answer | AnswerError:
        left = until - time.monotonic()  # reading the configuration and the circuit took time
        if left < LEAST_SECONDS:
            raise NoTimeLeft
        try:
            with self._span("omni"):
                return call(client, left)
        except AnswerError as refusal:
            if isinstance(refusal, DOWN):
                raise
            return refusal

    def _current_client(self) -> OmniClient:
        account = self._configuration.account()
        if self._client is None or account != self._account:
            try:
                self._client = OmniClient(account.base_url, account.authorization)
            except ValueError as mistake:  # the client's own words, which quote no key and no URL
                self._on_mistake(f"omni/base-url or omni/authorization: {mistake}")
                raise ConfigurationUnavailable("omni") from None
            self._account = account
        return self._client
