"""The composition root: builds the real parts once per process. Each function builds only what its path needs."""

from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING

from aws import clients
from aws.circuit import Circuit
from aws.configuration import RECORDS_KEY, REPORTS_TOKEN, REPORTS_URL, SsmConfiguration
from aws.event_bus import EventBridgeBus, NoBus
from aws.key_sets import KeySetsHttp
from aws.ledger import DynamoDbLedger
from aws.outbox import SqsOutbox
from aws.records import DynamoDbRecords
from aws.sns import SnsHttp
from aws.telemetry import PowertoolsTelemetry
from handlers.environment import Environment
from handlers.guarded_omni import DOWN, GuardedOmni
from handlers.tracing import span
from omni.statuses import Policy
from relay.configure.sources import parse_secrets
from relay.deliver.delivering import Deliverer
from relay.deliver.relaying import Relayer
from relay.deliver.sending import Dispatcher
from relay.follow.escalation import Escalator
from relay.follow.records import Recorder
from relay.ports import ConfigurationUnavailable, EventBus, Records

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitTransition
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb import DynamoDBClient

    from relay.follow.pulling import Puller
    from relay.follow.reports import Listener


_DAY = 86_400  # seconds


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
        more=(RECORDS_KEY, REPORTS_TOKEN, REPORTS_URL) if env.delivery_reports == "push" else (RECORDS_KEY,),
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
    return _guarded_omni("circuit#omni")


@cache
def omni_logs() -> GuardedOmni:
    """Returns OMNI for the pull and for watches. It has its own circuit: failing logs must not stop messages."""
    return _guarded_omni("circuit#omni-logs")


def _guarded_omni(name: str) -> GuardedOmni:
    table = environment().table_name
    circuit = Circuit(name, clients.dynamodb(), table, failures=DOWN, on_transition=_breaker_moved)
    return GuardedOmni(configuration(), circuit, on_mistake=_configuration_mistaken, span=span)


def _breaker_moved(transition: "CircuitTransition") -> None:
    telemetry().log("warning", "breaker", from_state=str(transition.from_state), to_state=str(transition.to_state))
    telemetry().count(f"Breaker{str(transition.to_state).title().replace('_', '')}")


_CONNECTED = (
    clients.ssm,
    clients.dynamodb,
    clients.records,
    clients.patient_records,
    clients.events,
    clients.sqs,
    omni,
    omni_logs,
)


def _close_connections() -> None:
    """Closes the connections of each part that exists. The part opens new ones when it is called again."""
    for factory in _CONNECTED:
        if factory.cache_info().currsize:
            factory().close()


_connections = clients.IdleConnections(_close_connections)


@cache
def records() -> Records:
    """Returns the table of records for functions that a sender waits for."""
    return _records(clients.records())


def _records(client: "DynamoDBClient") -> DynamoDbRecords:
    env = environment()
    return DynamoDbRecords(client, env.records_table_name, env.message_ttl_days * _DAY)


@cache
def event_bus() -> EventBus:
    bus = environment().event_bus_name
    return EventBridgeBus(clients.events(), bus) if bus else NoBus()


def report_tokens() -> tuple[str, ...]:
    """Returns the secrets of the reports' URL; none if there is none yet. Raises ConfigurationUnavailable."""
    return parse_secrets(configuration().value(REPORTS_TOKEN) or "")


def _notify_url() -> str | None:
    """Returns where OMNI pushes reports. Without it the pull brings them, so a failure is none."""
    try:
        url, tokens = configuration().value(REPORTS_URL), report_tokens()
    except ConfigurationUnavailable:
        return None
    return f"{url}/{tokens[0]}" if url and tokens else None


def _hash_key() -> str | None:
    try:
        return configuration().value(RECORDS_KEY)
    except ConfigurationUnavailable:
        return None


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
        follows=env.delivery_reports != "off",
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
        omni=omni_logs(),
        ledger=ledger(),
        outbox=outbox(),
        bus=event_bus(),
        telemetry=telemetry(),
        now=now,
        call_seconds=dispatcher.call_time,
        destinations_per_request=environment().max_destinations_per_request,
    )


def listener(context: "LambdaContext") -> "Listener":
    """Builds what hears OMNI's reports in one invocation."""
    from relay.follow.reports import Listener

    return Listener(
        records=_records(clients.patient_records()),
        outbox=outbox(),
        bus=event_bus(),
        telemetry=telemetry(),
        now=now,
        remaining=partial(_remaining_seconds, context),
    )


def puller(context: "LambdaContext") -> "Puller":
    """Builds what asks OMNI's logs in one invocation."""
    from relay.follow.pulling import Puller

    env = environment()
    return Puller(
        records=_records(clients.patient_records()),
        omni=omni_logs(),
        listener=listener(context),
        telemetry=telemetry(),
        now=now,
        remaining=partial(_remaining_seconds, context),
        call_seconds=env.omni_timeout_seconds,
        takes_reports=env.delivery_reports == "pull",
    )


def refresh_connections() -> None:
    """Must be called before the first request of each invocation that builds no relayer and no deliverer."""
    _connections.use()


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
        recorder=Recorder(
            records=records(),
            outbox=outbox(),
            bus=event_bus(),
            telemetry=telemetry(),
            now=now,
            hash_key=_hash_key,
            keep_content=env.keep_content,
            follows=env.delivery_reports != "off",
            remaining=partial(_remaining_seconds, context),
        ),
        notify_url=_notify_url if env.delivery_reports == "push" else lambda: None,
    )


def _remaining_seconds(context: "LambdaContext") -> float:
    """Returns the seconds until Lambda stops this invocation."""
    return context.get_remaining_time_in_millis() / 1000
