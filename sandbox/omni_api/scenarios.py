"""The account's scenarios, by key. One of them is the default. Calls list, get, create and update them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sandbox.omni_api.bodies import ScenarioBody, checked
from sandbox.omni_api.channels import Channel
from sandbox.omni_api.clock import Clock
from sandbox.omni_api.errors import ApiError, bad_request
from sandbox.omni_api.query import boolean, whole
from sandbox.omni_api.settings import SandboxSettings
from sandbox.omni_api.throttles import CREATIONS, UPDATES, Throttle
from sandbox.omni_api.wire import ApiAnswer, ApiCall, read_body

SEED_KEY: Final = "AD9E01A5DC7BEE2C2B828D208182A611"
ACCOUNT_DEFAULT_KEY: Final = "5A2DB0C0DEFA0175CE4A810ACC0047D0"
USUAL_FLOW: Final = (Channel.VIBER, Channel.SMS, Channel.EMAIL)
_MAX_LIST: Final = 1000


@dataclass(frozen=True, slots=True)
class FlowStep:
    channel: Channel
    sender: str | None


@dataclass(frozen=True, slots=True)
class Scenario:
    key: str
    name: str
    flow: tuple[FlowStep, ...]
    default: bool = False

    def wire(self) -> dict[str, Any]:
        """The scenario in an answer. The flag has both of its names, because the 2.x clients read the longer one."""
        return {
            "key": self.key,
            "name": self.name,
            "flow": [{"from": step.sender, "channel": step.channel.value} for step in self.flow],
            "default": self.default,
            "defaultScenario": self.default,
        }


def flow_of(channels: Sequence[str]) -> tuple[FlowStep, ...]:
    return tuple(FlowStep(Channel(channel), "sandbox") for channel in channels)


class Scenarios:
    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        usual = flow_of(USUAL_FLOW)
        self._known = {
            SEED_KEY: Scenario(SEED_KEY, "documentation", usual),
            ACCOUNT_DEFAULT_KEY: Scenario(ACCOUNT_DEFAULT_KEY, "account default", usual, default=True),
        }
        self.add(settings.scenario_keys, settings.scenario_flows)
        self._creations = Throttle(clock, CREATIONS)
        self._updates = Throttle(clock, UPDATES)

    def add(self, keys: Mapping[str, str], flows: Mapping[str, Sequence[str]]) -> None:
        """Adds scenarios by name, or replaces those with the same keys."""
        for name, key in keys.items():
            flow = flow_of(flows.get(name, USUAL_FLOW))
            default = key in self._known and self._known[key].default
            self._known[key] = Scenario(key, name, flow, default)

    def find(self, key: str | None) -> Scenario:
        """The scenario of that key, or the account's default one.

        Raises:
            ApiError: 400 if the key is unknown.
        """
        if not key:
            return next(scenario for scenario in self._known.values() if scenario.default)
        if key not in self._known:
            raise bad_request(f"scenarioKey: there is no scenario {key[:64]}")
        return self._known[key]

    def name_of(self, key: str) -> str | None:
        scenario = self._known.get(key)
        return scenario.name if scenario else None

    def list(self, call: ApiCall) -> ApiAnswer:
        default = boolean(call.query, "isDefault")
        limit = whole(call.query, "limit", default=100, least=1, most=_MAX_LIST)
        page = whole(call.query, "page", default=0, least=0, most=10**6)
        wanted = [known for known in self._known.values() if default is None or known.default is default]
        chosen = wanted[page * limit : (page + 1) * limit]
        return ApiAnswer({"scenarios": [scenario.wire() for scenario in chosen]}, "scenariosResponse")

    def get(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(self._by_path(call).wire(), "scenario")

    def create(self, call: ApiCall) -> ApiAnswer:
        body = checked(ScenarioBody, read_body(call))
        self._creations.take()
        scenario = self._keep(secrets.token_hex(16).upper(), body, default=bool(body.default))
        return ApiAnswer(scenario.wire(), "scenario", status=201)

    def update(self, call: ApiCall) -> ApiAnswer:
        known = self._by_path(call)
        body = checked(ScenarioBody, read_body(call))
        self._updates.take()
        # The default stays the default until another one takes over, because an account always has one.
        return ApiAnswer(self._keep(known.key, body, default=known.default or bool(body.default)).wire(), "scenario")

    def _by_path(self, call: ApiCall) -> Scenario:
        key = call.path["key"]
        if key not in self._known:
            raise ApiError(404, "There is no such scenario")
        return self._known[key]

    def _keep(self, key: str, body: ScenarioBody, *, default: bool) -> Scenario:
        if default:
            self._known = {key: replace(known, default=False) for key, known in self._known.items()}
        flow = tuple(FlowStep(step.channel, step.sender) for step in body.flow)
        scenario = Scenario(key, body.name, flow, default)
        self._known[key] = scenario
        return scenario
