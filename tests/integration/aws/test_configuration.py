"""The configuration is read from SSM over a socket: with few calls, cached during outages, never for unknown names."""

from collections import Counter
from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config

from aws.configuration import FAILED_SECONDS, STALE_SECONDS, SsmConfiguration
from configuration.parameters import parameters_of
from relay.ports import ConfigurationUnavailable, UnknownScenario

PREFIX = "/omni-relay/test"
ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "hi"}
CONFIG = {
    "scenarios": {"incident": "KEY-1", "orders": "KEY-2"},
    "sources": {
        "ci": {"verify": "bearer", "routes": {"all": ROUTE}},
        "many": {"verify": "bearer", "routes": {f"r{n}": ROUTE for n in range(25)}},
    },
}
SECRETS = {"sources": {"ci": "local-secret", "many": ["old-secret", "new-secret"]}}


class Ssm:
    """Counts the client's calls. Without an `endpoint`, SSM is unreachable."""

    def __init__(self, endpoint):
        self.client = boto3.client(
            "ssm",
            endpoint_url=endpoint,
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=1),
        )
        self.endpoint = endpoint
        self.calls: Counter[str] = Counter()
        self.client.meta.events.register("before-call.ssm", self._count)

    def _count(self, model, params, **_):
        self.calls[model.name] += 1
        if self.endpoint is None:
            params["url"] = "http://127.0.0.1:9/"  # nothing listens on the discard port

    def push(self, config=CONFIG, secrets=SECRETS, **account):
        account = {"omni_base_url": "http://127.0.0.1:8025", "omni_authorization": "App key", **account}
        for parameter in parameters_of(config, secrets, PREFIX, **account):
            assert parameter.type != "Schedule"  # a type that isn't SSM's
            self.client.put_parameter(Name=parameter.name, Type=parameter.type, Value=parameter.value, Overwrite=True)
        self.calls.clear()


@pytest.fixture
def ssm(moto_endpoint):
    return Ssm(moto_endpoint)


class Heard:
    def __init__(self):
        self.stale, self.mistakes, self.secrets = 0, [], []


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def time():
    return [1000.0]


@pytest.fixture
def configuration(ssm, heard, time):
    def stale():
        heard.stale += 1

    return SsmConfiguration(
        ssm.client,
        PREFIX,
        300,
        clock=lambda: time[0],
        on_stale=stale,
        on_mistake=heard.mistakes.append,
        on_secret=heard.secrets.append,
    )


def test_a_cold_request_costs_two_calls_and_a_warm_one_none(ssm, configuration):
    ssm.push()
    source = configuration.source("ci")
    assert (source.secrets, source.scenarios) == (("local-secret",), {"incident"})
    assert configuration.scenario_key("incident") == "KEY-1"
    assert configuration.account().authorization == "App key"
    assert ssm.calls == {"GetParametersByPath": 1, "GetParameters": 1}
    configuration.source("ci")
    configuration.scenario_key("incident")
    assert ssm.calls.total() == 2


def test_every_ten_routes_cost_another_call(ssm, configuration):
    ssm.push()
    assert len(configuration.source("many").routes) == 25
    assert ssm.calls == {"GetParametersByPath": 3, "GetParameters": 1}


def test_ten_thousand_unknown_sources_cost_no_call(ssm, configuration):
    ssm.push()
    configuration.source("ci")
    ssm.calls.clear()
    assert not any(configuration.source(f"stranger-{n}") for n in range(10_000))
    assert ssm.calls.total() == 0


def test_a_removed_secret_stops_working_within_the_ttl(ssm, configuration, time):
    ssm.push()
    assert configuration.source("many").secrets == ("old-secret", "new-secret")
    ssm.push(secrets={"sources": {"ci": "local-secret", "many": ["new-secret"]}})
    time[0] += 301
    assert configuration.source("many").secrets == ("new-secret",)


def test_the_last_good_values_serve_while_ssm_is_unreachable(ssm, configuration, time, heard):
    ssm.push()
    configuration.source("ci")
    ssm.endpoint = None
    time[0] += 301
    assert configuration.source("ci").secrets == ("local-secret",)
    assert configuration.scenario_key("incident") == "KEY-1"
    assert configuration.account().base_url == "http://127.0.0.1:8025"
    assert heard.stale >= 1


def test_an_unreachable_ssm_is_not_asked_at_every_request(ssm, configuration, time):
    ssm.push()
    configuration.source("ci")
    ssm.endpoint = None
    time[0] += 301
    configuration.source("ci")
    asked = ssm.calls.total()
    for _ in range(100):
        configuration.source("ci")
        configuration.source("stranger")
    assert ssm.calls.total() == asked
    time[0] += STALE_SECONDS + 1
    configuration.source("ci")
    assert ssm.calls.total() > asked


def test_without_a_last_good_value_the_configuration_is_unavailable(ssm, configuration):
    ssm.push()
    ssm.endpoint = None
    with pytest.raises(ConfigurationUnavailable):
        configuration.source("ci")
    with pytest.raises(ConfigurationUnavailable):
        configuration.scenario_key("incident")


def test_without_a_good_value_requests_for_unknown_sources_share_one_failure_of_ssm(ssm, configuration, time):
    ssm.push()
    endpoint, ssm.endpoint = ssm.endpoint, None
    for number in range(100):
        with pytest.raises(ConfigurationUnavailable):
            configuration.source(f"stranger-{number}")
    assert ssm.calls.total() == 1
    ssm.endpoint = endpoint
    time[0] += FAILED_SECONDS + 0.1
    assert configuration.source("ci").secrets == ("local-secret",)


def test_a_scenario_unknown_to_ssm_is_asked_for_once(ssm, configuration):
    ssm.push()
    configuration.source("ci")
    ssm.calls.clear()
    for _ in range(10):
        with pytest.raises(UnknownScenario):
            configuration.scenario_key("nowhere")
    assert ssm.calls.total() == 1


def test_a_scenario_that_no_route_names_is_found_by_its_name(ssm, configuration):
    ssm.push()
    configuration.source("ci")
    assert configuration.scenario_key("orders") == "KEY-2"


def test_a_broken_route_is_named_and_does_not_affect_the_others(ssm, configuration, heard):
    ssm.push()
    name = f"{PREFIX}/sources/ci/routes/broken"
    ssm.client.put_parameter(Name=name, Type="String", Value='{"scenario": "incident"', Overwrite=True)
    source = configuration.source("ci")
    assert {route.name for route in source.routes} == {"all"}
    assert [mistake.route for mistake in source.mistakes] == ["broken"]
    assert "route broken" in heard.mistakes[0]
    ssm.client.delete_parameter(Name=name)


def test_secrets_are_announced_so_that_no_log_line_shows_them(ssm, configuration, heard):
    ssm.push()
    configuration.source("ci")
    configuration.account()
    assert {"local-secret", "App key"} <= set(heard.secrets)


def _break_settings(ssm):
    ssm.client.put_parameter(
        Name=f"{PREFIX}/sources/ci/settings", Type="String", Value='{"verify": "nobody"}', Overwrite=True
    )


def test_a_source_with_a_mistake_is_not_read_again_at_every_request(ssm, configuration, heard, time):
    ssm.push()
    _break_settings(ssm)
    for _ in range(50):
        with pytest.raises(ConfigurationUnavailable):
            configuration.source("ci")
    assert ssm.calls["GetParametersByPath"] == 1
    assert "source ci, verify" in heard.mistakes[0]
    ssm.push()
    time[0] += STALE_SECONDS + 1
    assert configuration.source("ci") is not None


def test_a_source_of_the_index_that_does_not_exist_is_not_read_at_every_request(ssm, configuration):
    ssm.push()
    configuration.source("many")
    ssm.client.delete_parameter(Name=f"{PREFIX}/sources/ci/settings")
    ssm.calls.clear()
    assert [configuration.source("ci") for _ in range(50)] == [None] * 50
    assert ssm.calls["GetParametersByPath"] == 1


def test_a_clock_that_was_moved_back_does_not_keep_an_old_secret(ssm, configuration, time):
    ssm.push()
    assert configuration.source("many").secrets == ("old-secret", "new-secret")
    ssm.push(secrets={"sources": {"ci": "local-secret", "many": ["new-secret"]}})
    time[0] -= 86_400
    assert configuration.source("many").secrets == ("new-secret",)


def test_mutes_come_with_their_source_at_no_further_call(ssm, configuration, heard):
    ssm.push()
    for name, until in {"": "2026-11-24T18:00:00Z", "/all": "2026-11-24T20:00:00+02:00", "/other": "tomorrow"}.items():
        ssm.client.put_parameter(Name=f"{PREFIX}/sources/ci/muted{name}", Type="String", Value=until)
    ssm.calls.clear()
    source = configuration.source("ci")
    assert sum(ssm.calls.values()) == 2
    six = datetime(2026, 11, 24, 18, tzinfo=UTC)
    assert source.mutes == {"": six, "all": six}
    assert [route.name for route in source.routes] == ["all"]
    assert len(heard.mistakes) == 1
    assert heard.mistakes[0].startswith("source ci, muted/other: expected a date and time")
