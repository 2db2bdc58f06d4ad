"""The settings of the sandbox, and how they are read from a relay.yaml."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from configuration.files import Unreadable, read_yaml
from sandbox.omni_api.channels import Channel
from sandbox.omni_api.clock import utc_now

# The documented key, and the credentials of the published samples.
DEFAULT_CREDENTIALS: Final = ("App sandbox-api-key", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")


class SettingsError(Exception):
    """The configuration can't be used. The text says where and why."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """Everything that a sandbox can be started with. The defaults serve a plain run."""

    scenario_keys: Mapping[str, str] = field(default_factory=dict)
    """Scenario keys by name. Their flow is Viber, SMS, email, unless `scenario_flows` says otherwise."""
    scenario_flows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    credentials: tuple[str, ...] = ()
    """Further Authorization values, beside the default ones."""
    time_scale: float = 1.0
    """Sandbox seconds per real second. Latency, validity periods, push retries and throttles count them."""
    max_body_bytes: int = 8 * 1024 * 1024
    max_messages: int = 100_000
    report_url: str | None = None
    """Where the reports of messages go that name no `notifyUrl`. None keeps them until they are fetched."""
    report_content_type: str = "application/json"
    push_beyond_loopback: bool = False
    """Pushes reports to any host. It is off by default, so that a production notifyUrl never gets a fake report."""
    hosts: frozenset[str] = frozenset()
    """Further names by which clients call this machine, beside localhost and IP addresses."""
    ready: Callable[[], bool] = _always
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now


def settings_from(config: Path, **others: Any) -> SandboxSettings:
    """The settings with the `scenarios` of a relay.yaml, each `name: KEY` or `name: {key: KEY, flow: [SMS, …]}`.

    Raises:
        SettingsError: the file can't be read, or its scenarios are wrong.
    """
    try:
        scenarios = read_yaml(config).get("scenarios")
    except Unreadable as problem:
        raise SettingsError(str(problem)) from None
    keys, flows = scenarios_in(scenarios, f"{config}: ")
    return SandboxSettings(scenario_keys=keys, scenario_flows=flows, **others)


def scenarios_in(scenarios: Any, where: str = "") -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The keys and the flows by name. `where` begins the text of a SettingsError, which is raised if they are wrong."""
    if not isinstance(scenarios or {}, dict):
        raise SettingsError(f"{where}scenarios: expected names with their keys")
    keys: dict[str, str] = {}
    flows: dict[str, tuple[str, ...]] = {}
    for name, value in (scenarios or {}).items():
        extended = value if isinstance(value, dict) else {"key": value}
        keys[str(name)] = _key(f"{where}scenarios.{name}", extended.get("key"))
        if "flow" in extended:
            flows[str(name)] = _flow(f"{where}scenarios.{name}.flow", extended["flow"])
    return keys, flows


def _key(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{where}: expected the scenario's key, a text (quote it when it is all digits)")
    return value.strip()


def _flow(where: str, value: object) -> tuple[str, ...]:
    channels = tuple(str(channel).upper() for channel in value) if isinstance(value, list) else ()
    if not channels or not set(channels) <= set(Channel):
        raise SettingsError(f"{where}: expected a list of {', '.join(Channel)}")
    return channels
