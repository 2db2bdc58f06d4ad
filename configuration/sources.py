"""The sources and scenarios of relay.yaml as the domain knows them, without SSM in between."""

from collections.abc import Mapping, Sequence
from typing import Any

from relay.configure.sources import Source, parse_source
from relay.ports import UnknownScenario


class FileConfiguration:
    """See `relay.ports.Configuration`. `content` and `secrets` are the two files as parsed."""

    def __init__(self, content: Mapping[str, Any], secrets: Mapping[str, Any]) -> None:
        self._sources: Mapping[str, Any] = content.get("sources") or {}
        self._scenarios: Mapping[str, Any] = content.get("scenarios") or {}
        self._secrets: Mapping[str, Any] = secrets.get("sources") or {}

    @property
    def names(self) -> Sequence[str]:
        return list(self._sources)

    def source(self, name: str) -> Source | None:
        """Returns None for a source that isn't in the file. Raises ConfigurationMistake if its settings are wrong."""
        raw = self._sources.get(name)
        if not isinstance(raw, Mapping):
            return None
        settings = {key: value for key, value in raw.items() if key != "routes"}
        secrets = self._secrets.get(name, ())
        return parse_source(
            name, settings, raw.get("routes") or {}, (secrets,) if isinstance(secrets, str) else tuple(secrets)
        )

    def scenario_key(self, name: str) -> str:
        """Returns OMNI's key of a scenario. Raises UnknownScenario."""
        scenario = self._scenarios.get(name)
        key = scenario.get("key") if isinstance(scenario, Mapping) else scenario
        if not key:
            raise UnknownScenario(name)
        return str(key)
