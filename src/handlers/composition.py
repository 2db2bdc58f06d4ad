"""The composition root: builds the real parts once per process. Each function builds only what its path needs."""

from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING

from aws import clients
from aws.circuit import Circuit
from aws.configuration import SsmConfiguration
from aws.key_sets import KeySetsHttp
from aws.ledger import DynamoDbLedger
from aws.outbox import SqsOutbox
from aws.sns import SnsHttp
from aws.telemetry import PowertoolsTelemetry
from handlers.environment import Environment
from handlers.guarded_omni import DOWN, GuardedOmni
from handlers.tracing import span
from handlers.unfollowed import NoBus, NoRecords
from omni.statuses import Policy
from relay.deliver.delivering import Deliverer
from relay.deliver.relaying import Relayer
from relay.deliver.sending import Dispatcher
from relay.follow.escalation import Escalator
from relay.ports import EventBus, Records

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitTransition
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def telemetry() -> PowertoolsTelemetry:
    return PowertoolsTelemetry()


@cache
def environment() -> Environment:
    return Environment.read()


@cache
def configuration() -> SsmConfiguration:
    env = environment()
    return SsmConfiguration(
        clients.ssm(),
        env.parameter_prefix,
        env.config_ttl_seconds,
        on_stale=lambda: telemetry().count("ConfigurationStale"),
        on_mistake=_configuration_mistaken,
        on_secret=telemetry().hide,
    )


def _configuration_mistaken(mistake: str) -> None:
    telemetry().log("error", "configuration_mistake", mistake=mistake)


@cache
def ledger() -> DynamoDbLedger:
    env = environment()
    return DynamoDbLedger(
        clients.dynamodb(),
        env.table_name,
        env.record_ttl_seconds,
        on_unsaved=lambda kind: telemetry().log("warning", "result_not_recorded", kind=kind),
    )


@cache
def outbox() -> SqsOutbox:
    env = environment()
    return SqsOutbox(clients.sqs(), env.queue_url, env.dead_letter_queue_url)


@cache
def omni() -> GuardedOmni:
    table = environment().table_name
    circuit = Circuit("circuit#omni", clients.dynamodb(), table, failures=DOWN, on_transition=_breaker_moved)
    return GuardedOmni(configuration(), circuit, on_mistake=_configuration_mistaken, span=span)


def _breaker_moved(transition: "CircuitTransition") -> None:
    telemetry().log("warning", "breaker", from_state=str(transition.from_state), to_state=str(transition.to_state))
    telemetry().count(f"Breaker{str(transition.to_state).title().replace('_', '')}")


_CONNECTED = (clients.ssm, clients.dynamodb, clients.sqs, omni)


def _close_connections() -> None:
    """Closes the connections of each part that exists. The part opens new ones when it is called again."""
    for factory in _CONNECTED:
        if factory.cache_info().currsize:
            factory().close()


_connections = clients.IdleConnections(_close_connections)


def records() -> Records:
    return NoRecords()


def event_bus() -> EventBus:
    return NoBus()


def sns() -> SnsHttp:
    return SnsHttp()


@cache
def key_sets() -> KeySetsHttp:
    return KeySetsHttp(on_stale=lambda: telemetry().count("KeySetStale"))


def now() -> datetime:
    return datetime.now(UTC)


def relayer(context: "LambdaContext") -> Relayer:
    """Builds the relayer of one invocation, whose time bounds each send and each claim on the ledger."""
    env = environment()
    return Relayer(
        dispatcher=_dispatcher(context),
        configuration=configuration(),
        ledger=ledger(),
        outbox=outbox(),
        telemetry=telemetry(),
        now=now,
        destinations_per_request=env.max_destinations_per_request,
        installation=env.installation,
    )


def deliverer(context: "LambdaContext") -> Deliverer:
    """Builds the deliverer of one invocation."""
    relayer_ = relayer(context)
    return Deliverer(
        relayer=relayer_,
        dispatcher=relayer_.dispatcher,
        configuration=configuration(),
        escalator=_escalator(relayer_.dispatcher),
        records=records(),
        ledger=ledger(),
        outbox=outbox(),
        telemetry=telemetry(),
        now=now,
    )


def _escalator(dispatcher: Dispatcher) -> Escalator:
    return Escalator(
        records=records(),
        omni=omni(),
        ledger=ledger(),
        outbox=outbox(),
        bus=event_bus(),
        telemetry=telemetry(),
        now=now,
        call_seconds=dispatcher.call_time,
        destinations_per_request=environment().max_destinations_per_request,
    )


def _dispatcher(context: "LambdaContext") -> Dispatcher:
    _connections.use()
    ledger().register(context)
    env = environment()
    return Dispatcher(
        ledger=ledger(),
        outbox=outbox(),
        omni=omni(),
        configuration=configuration(),
        telemetry=telemetry(),
        retry_bounds={Policy.RETRY: env.retry_delays, Policy.RETRY_ACCOUNT: env.account_retry_delays},
        now=now,
        remaining=partial(_remaining_seconds, context),
        call_seconds=env.omni_timeout_seconds,
    )


def _remaining_seconds(context: "LambdaContext") -> float:
    """Returns the seconds until Lambda stops this invocation."""
    return context.get_remaining_time_in_millis() / 1000
