"""Compares the scenarios of relay.yaml with OMNI's, and writes them there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.frame import Mistake, Refused
from cli.target import Target
from configuration.checking import key_of
from configuration.files import read_yaml
from omni.client import OmniClient
from omni.errors import OmniError
from omni.models import Scenario, Step

_PAGE = 100

Flow = tuple[tuple[str, str], ...]  # channel and sender of each step


@dataclass(frozen=True, slots=True)
class Pair:
    """One scenario as relay.yaml has it and as OMNI has it.

    Attributes:
        name: ours; empty if only OMNI has it.
        key: OMNI's key; empty if it has none yet.
        ours: the flow in relay.yaml, or None if there is none.
        theirs: OMNI's flow, or None if OMNI has no such scenario.
        theirs_name: how OMNI calls it.
    """

    name: str
    key: str
    ours: Flow | None
    theirs: Flow | None
    theirs_name: str = ""

    @property
    def due(self) -> bool:
        """Whether OMNI must be told of our flow."""
        return self.ours is not None and self.ours != self.theirs and (not self.key or self.theirs is not None)

    @property
    def wrong(self) -> bool:
        return bool(self.name) and (self.theirs is None or self.due)

    @property
    def verdict(self) -> str:
        if not self.name:
            return f"not in relay.yaml: {self.theirs_name}"
        if not self.key:
            return "not at OMNI yet: omni-relay scenarios apply"
        if self.theirs is None:
            return "OMNI has no scenario of this key"
        return f"relay.yaml says {_told(self.ours)}: omni-relay scenarios apply" if self.due else "ok"

    @property
    def ours_told(self) -> str:
        return _told(self.ours)

    @property
    def theirs_told(self) -> str:
        return _told(self.theirs)

    def shown(self) -> Mapping[str, Any]:
        return {"scenario": self.name or None, "key": self.key or None, "relay": self.ours, "omni": self.theirs} | {
            "verdict": self.verdict
        }


def account_of(target: Target) -> OmniClient:
    """Gives a client of the account that the target's parameters name. Raises Mistake if they name none."""
    names = {f"{target.prefix}/omni/{name}": name for name in ("base-url", "authorization")}
    answer = target.client("ssm").get_parameters(Names=list(names), WithDecryption=True)
    values = {names[parameter["Name"]]: parameter["Value"] for parameter in answer["Parameters"]}
    if len(values) < len(names):
        raise Mistake("no OMNI account is configured: omni-relay push --omni-base-url URL, with its key")
    return OmniClient(values["base-url"], values["authorization"])


def pairs(config: Path, account: OmniClient) -> list[Pair]:
    """Gives each scenario of relay.yaml, then those that only OMNI has. Raises Refused if OMNI does."""
    theirs = {scenario.key or "": scenario for scenario in _all(account)}
    found, known = [], set()
    for name, entry in (read_yaml(config).get("scenarios") or {}).items():
        key, flow = key_of(entry) or "", entry.get("flow") if isinstance(entry, Mapping) else None
        known.add(key)
        found.append(Pair(name, key, _ours(name, flow), _theirs(theirs.get(key)) if key else None))
    for key, scenario in theirs.items():
        if key not in known:
            found.append(Pair("", key, None, _theirs(scenario), scenario.name or ""))
    return found


def apply(pair: Pair, account: OmniClient) -> str:
    """Creates or updates the scenario at OMNI, and gives its key. Raises Refused."""
    flow = tuple(Step(channel=channel, from_=sender or None) for channel, sender in pair.ours or ())
    scenario = Scenario(name=pair.name, flow=flow, default=False)
    try:
        if pair.key:
            account.update_scenario(pair.key, scenario)
            return pair.key
        return account.create_scenario(scenario).key or ""
    except OmniError as problem:
        raise Refused(f"OMNI: scenario {pair.name}: {problem}") from None


def _all(account: OmniClient) -> list[Scenario]:
    found: list[Scenario] = []
    try:
        while True:
            page = account.list_scenarios(limit=_PAGE, page=len(found) // _PAGE).scenarios
            found += page
            if len(page) < _PAGE:
                return found
    except OmniError as problem:
        raise Refused(f"OMNI: {problem}") from None


def _ours(name: str, flow: Any) -> Flow | None:
    """Reads a flow such as `[{channel: viber, from: Ops}, sms]`."""
    if flow is None:
        return None
    steps = []
    for step in flow if isinstance(flow, list) else [None]:
        given = step if isinstance(step, Mapping) else {"channel": step}
        if not isinstance(given.get("channel"), str):
            raise Mistake(f"scenario {name}: flow: expected a list such as [{{channel: VIBER, from: Ops}}, SMS]")
        steps.append((str(given["channel"]).upper(), str(given.get("from") or "")))
    return tuple(steps)


def _theirs(scenario: Scenario | None) -> Flow | None:
    return None if scenario is None else tuple((step.channel.upper(), step.from_ or "") for step in scenario.flow)


def _told(flow: Flow | None) -> str:
    if flow is None:
        return ""
    return " > ".join(f"{channel} ({sender})" if sender else channel for channel, sender in flow)
