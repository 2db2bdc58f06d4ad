"""The configuration in SSM Parameter Store. It is cached, and the last good values serve while SSM fails.

This uses boto3 instead of Powertools' parameters, because `get_parameters_by_name` there reports an internal error of
SSM as missing parameters. Events would then be parked for a scenario that exists.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from relay.configure.sources import WHOLE, ConfigurationMistake, Source, parse_mute, parse_secrets, parse_source
from relay.ports import ConfigurationUnavailable, UnknownScenario
from relay.problems import Mistake
from relay.verification.handshakes import TOKEN_MARK

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

FAILED_SECONDS = 1  # a failure is reused for so long: requests for unknown sources don't call SSM during an outage
STALE_SECONDS = 10  # a last good value, or a mistake, serves for so long before SSM is asked again
MAX_MISSES = 1_000  # unknown scenarios that are remembered

RECORDS_KEY, REPORTS_TOKEN, REPORTS_URL = "records/key", "reports/token", "reports/url"
_SECRET_NAMES = frozenset({"omni/authorization", RECORDS_KEY, REPORTS_TOKEN})
_NAMES_A_CALL = 10  # the limit of GetParameters
_INDEX_PAGES = 2  # of 4 KB each, so some 300 names; each further page costs a call
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class OmniAccount:
    base_url: str
    authorization: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """A source, None if it doesn't exist, or what is wrong with it. It expires at a time of the clock."""

    value: Source | ConfigurationMistake | None
    expires: float


class SsmConfiguration:
    """See `relay.ports.Configuration`.

    `on_stale` is called when a last good value is used, `on_mistake` with each mistake, and `on_secret` with each
    secret that was read. `prefix` is where the parameters live, such as `/omni-relay/dev`. `more` are the names of
    further parameters that `value` is asked for.
    """

    def __init__(
        self,
        client: "SSMClient",
        prefix: str,
        ttl_seconds: float,
        *,
        more: Iterable[str] = (),
        clock: Callable[[], float] = time.time,  # the monotonic clock may stand still while Lambda freezes a process
        on_stale: Callable[[], None] = lambda: None,
        on_mistake: Callable[[str], None] = lambda _: None,
        on_secret: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client, self._prefix, self._ttl, self._clock = client, prefix, ttl_seconds, clock
        self._more = frozenset(more)
        self._on_stale, self._on_mistake, self._on_secret = on_stale, on_mistake, on_secret
        self._sources: dict[str, _Entry] = {}
        self._named: dict[str, str] = {}
        self._named_expires = 0.0
        self._failed_until = 0.0
        self._down_until = 0.0  # until then, cached values are used without another timeout
        self._misses: dict[str, float] = {}

    def source(self, name: str) -> Source | None:
        """Returns the source, or None if it is unknown.

        The first call reads the source first, which names its scenarios. The second read can then include these, so a
        cold path costs two calls to SSM.

        Raises:
            ConfigurationUnavailable: SSM fails and there is no last good value, or the settings are wrong.
        """
        if not self._named_expires:
            source = self._cached_source(name)
            self._refresh(source.scenarios if source else ())
        elif self._is_old(self._named_expires):
            self._refresh(())
        return self._cached_source(name) if name in self._index() else None

    def scenario_key(self, name: str) -> str:
        """Raises UnknownScenario, or ConfigurationUnavailable if SSM fails and there is no last good value."""
        parameter = f"scenarios/{name}"
        if self._is_old(self._named_expires) or parameter not in self._named:
            if self._is_ahead(self._misses.get(name, 0.0)):
                raise UnknownScenario(name)
            self._refresh((name,))
        if parameter not in self._named:
            if len(self._misses) >= MAX_MISSES:
                self._misses.clear()
            self._misses[name] = self._clock() + self._ttl
            raise UnknownScenario(name)
        return self._named[parameter]

    def account(self) -> OmniAccount:
        """Raises ConfigurationUnavailable if SSM fails and there is no last good value, or if it holds no account."""
        if self._is_old(self._named_expires):
            self._refresh(())
        try:
            return OmniAccount(self._named["omni/base-url"], self._named["omni/authorization"])
        except KeyError as missing:
            self._on_mistake(f"parameter {self._prefix}/{missing.args[0]} is missing")
            raise ConfigurationUnavailable(missing.args[0]) from None

    def value(self, name: str) -> str | None:
        """Returns a parameter of `more`, or None if there is none. Raises ConfigurationUnavailable."""
        if self._is_old(self._named_expires):
            self._refresh(())
        return self._named.get(name)

    def _index(self) -> frozenset[str]:
        pages = (value for name, value in self._named.items() if name.startswith("source-names/"))
        return frozenset(name.strip() for page in pages for name in page.split(",") if name.strip())

    def _refresh(self, scenarios: Iterable[str]) -> None:
        """Reads these scenarios and every value that was read by name before. Keeps the values if SSM fails."""
        wanted = {"omni/base-url", "omni/authorization", *(f"source-names/{n + 1}" for n in range(_INDEX_PAGES))}
        wanted |= {f"scenarios/{name}" for name in scenarios} | self._named.keys() | self._more
        try:
            named = self._ask(partial(self._read_named, sorted(wanted)))
        except ConfigurationUnavailable:
            if not self._named or any(f"scenarios/{name}" not in self._named for name in scenarios):
                raise
            self._serve_stale()
            return
        for name in _SECRET_NAMES & named.keys():
            for secret in parse_secrets(named[name]):
                self._on_secret(secret)
        # If nothing is configured yet, look again soon, but not for every request.
        self._named, self._named_expires = named, self._clock() + (self._ttl if named else STALE_SECONDS)

    def _is_old(self, expires: float) -> bool:
        return not self._is_ahead(max(expires, self._down_until))

    def _is_ahead(self, moment: float) -> bool:
        """An expiry later than any that we could have set means that the clock was moved back."""
        return 0 < moment - self._clock() <= max(self._ttl, STALE_SECONDS)

    def _ask(self, read: Callable[[], _Read]) -> _Read:
        """Returns the result of `read`, or fails at once after a recent failure. Raises ConfigurationUnavailable."""
        if self._is_ahead(self._failed_until):
            raise ConfigurationUnavailable("SSM has just failed")
        try:
            return read()
        except (ClientError, BotoCoreError) as problem:
            self._failed_until = self._clock() + FAILED_SECONDS
            raise ConfigurationUnavailable(type(problem).__name__) from None

    def _serve_stale(self) -> None:
        self._down_until = self._clock() + STALE_SECONDS
        self._on_stale()

    def _read_named(self, names: list[str]) -> dict[str, str]:
        """Reads these parameters, and all further pages of the index."""
        named = dict(self._by_name(names))
        page = _INDEX_PAGES
        while f"source-names/{page}" in named:
            page += 1
            named |= dict(self._by_name([f"source-names/{page}"]))
        return named

    def _by_name(self, names: list[str]) -> Iterator[tuple[str, str]]:
        for start in range(0, len(names), _NAMES_A_CALL):
            chunk = [f"{self._prefix}/{name}" for name in names[start : start + _NAMES_A_CALL]]
            for parameter in self._client.get_parameters(Names=chunk, WithDecryption=True)["Parameters"]:
                yield parameter["Name"].removeprefix(f"{self._prefix}/"), parameter["Value"]

    def _cached_source(self, name: str) -> Source | None:
        entry = self._sources.get(name)
        if entry is None or self._is_old(entry.expires):
            entry = self._read_entry(name, entry)
        if isinstance(entry.value, ConfigurationMistake):
            raise ConfigurationUnavailable("the source's settings are wrong")
        return entry.value

    def _read_entry(self, name: str, last: "_Entry | None") -> "_Entry":
        """Reads a source. A mistake is cached too, so that requests for a wrong source don't each call SSM."""
        try:
            source = self._ask(partial(self._read_source, name))
        except ConfigurationUnavailable:
            if last is None:
                raise
            self._serve_stale()
            return last
        except ConfigurationMistake as mistake:
            self._on_mistake(str(mistake))
            entry = _Entry(mistake, self._clock() + STALE_SECONDS)
        else:
            entry = _Entry(source, self._clock() + (self._ttl if source else STALE_SECONDS))
        if entry.value is not None or name in self._index():  # unknown names must not fill the memory
            self._sources[name] = entry
        return entry

    def _read_source(self, name: str) -> Source | None:
        path = f"{self._prefix}/sources/{name}/"
        values: dict[str, str] = {}
        pages = self._client.get_paginator("get_parameters_by_path").paginate(
            Path=path, Recursive=True, WithDecryption=True
        )
        for page in pages:
            values |= {p["Name"].removeprefix(path): p["Value"] for p in page["Parameters"]}
        if "settings" not in values:
            return None
        secrets = parse_secrets(values.get("secrets", ""))
        for secret in secrets:
            self._on_secret(secret.removeprefix(TOKEN_MARK))
        routes = {key.removeprefix("routes/"): _json(text) for key, text in values.items() if key.startswith("routes/")}
        source = parse_source(name, _json(values["settings"]), routes, secrets, dict(self._mutes(name, values)))
        for mistake in source.mistakes:
            self._on_mistake(str(mistake))
        return source

    def _mutes(self, source: str, values: Mapping[str, str]) -> Iterator[tuple[str, datetime]]:
        """Yields the routes that are muted, and until when. One that can't be read mutes nothing."""
        for key, text in values.items():
            kind, _, route = key.partition("/")
            if kind != "muted":
                continue
            try:
                yield route or WHOLE, parse_mute(text)
            except Mistake as mistake:
                self._on_mistake(f"source {source}, {key}: {mistake}")


def _json(text: str) -> Any:
    """Returns the value, or the text itself, so that validation says what it should have been."""
    try:
        return json.loads(text)
    except ValueError:
        return text
