"""Turns relay.yaml and its secrets into SSM parameters, and checks everything before any is written."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from omni.authorization import InvalidAuthorization, checked_authorization
from omni.outgoing import checked_base_url
from relay.configure.sources import SOURCE_NAME, ConfigurationMistake, parse_source

VALUE_BYTES = 4_096  # of a standard parameter
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SOURCE = re.compile(SOURCE_NAME)


class Mistakes(ValueError):
    """A configuration can't be used; `lines` has a line for each mistake."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: Literal["String", "StringList", "SecureString"]
    value: str


def parameters_of(
    config: Mapping[str, Any],
    secrets: Mapping[str, Any],
    prefix: str,
    *,
    omni_base_url: str | None = None,
    omni_authorization: str | None = None,
) -> list[Parameter]:
    """Gives a configuration's parameters. SSM keeps the URL and the authorization that it has if None is given.

    Args:
        config: relay.yaml as parsed.
        secrets: the secrets file as parsed: `{sources: {name: secret or list of secrets}}`.
        prefix: begins the parameters' names, such as `/omni-relay/dev`.
        omni_base_url: the API's address. It is https, because the account's key goes there; http only on this machine.
        omni_authorization: the value of the `Authorization` header.

    Raises Mistakes, each with its source, route and field.
    """
    _raise_if_any([*_mistakes(config, secrets), *_account_mistakes(omni_base_url, omni_authorization)])
    found = [*_account(omni_base_url, omni_authorization), *_scenarios(config.get("scenarios") or {})]
    found += _sources(config.get("sources") or {}, secrets.get("sources") or {})
    _raise_if_any([f"{p.name}: {why}" for p in found for why in _refusals(p.value)])
    return [Parameter(f"{prefix}/{p.name}", p.type, p.value) for p in found]


def _raise_if_any(mistakes: Sequence[str]) -> None:
    if mistakes:
        raise Mistakes(mistakes)


def _account_mistakes(base_url: str | None, authorization: str | None) -> Iterator[str]:
    if base_url is not None:
        try:
            _checked_https(base_url)
        except ValueError as mistake:
            yield f"OMNI: {mistake} (such as https://api.infobip.com)"
    if authorization is not None:
        try:
            checked_authorization(authorization)
        except InvalidAuthorization as mistake:
            yield f"OMNI's authorization: {mistake}"


def _checked_https(base_url: str) -> str:
    """Gives the URL as the OMNI client takes it. Raises ValueError also if the key would cross a network in clear."""
    base = checked_base_url(base_url)
    parts = urlsplit(base)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise ValueError("the base URL must be https: by http the key would travel in clear")
    return base


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refusals(value: str) -> Iterator[str]:
    """Says why SSM wouldn't take the value, because a push must not stop halfway."""
    if len(value.encode()) > VALUE_BYTES:
        yield f"{len(value.encode())} bytes; SSM holds {VALUE_BYTES}"
    if "{{" in value:
        yield "expected a value without {{, which SSM takes for a reference of its own"


def _account(base_url: str | None, authorization: str | None) -> Iterator[Parameter]:
    if base_url is not None:
        yield Parameter("omni/base-url", "String", _checked_https(base_url))
    if authorization is not None:
        yield Parameter("omni/authorization", "SecureString", checked_authorization(authorization))


def _scenarios(scenarios: Mapping[str, Any]) -> Iterator[Parameter]:
    for name, scenario in scenarios.items():
        yield Parameter(f"scenarios/{name}", "String", _key(scenario))


def _key(scenario: Any) -> Any:
    """Gives OMNI's key. A scenario is the key itself, or `{key, flow}`, where `flow` is for the sandbox."""
    return scenario.get("key") if isinstance(scenario, Mapping) and set(scenario) <= {"key", "flow"} else scenario


def _sources(sources: Mapping[str, Any], secrets: Mapping[str, Any]) -> Iterator[Parameter]:
    for name, source in sources.items():
        settings = {key: value for key, value in source.items() if key != "routes"}
        yield Parameter(f"sources/{name}/settings", "String", _json(settings))
        for route, rule in (source.get("routes") or {}).items():
            yield Parameter(f"sources/{name}/routes/{route}", "String", _json(rule))
        if name in secrets:
            yield Parameter(f"sources/{name}/secrets", "SecureString", _secret(secrets[name]))
    for number, page in enumerate(_pages(sorted(sources)), start=1):
        yield Parameter(f"source-names/{number}", "StringList", page)


def _secret(secret: Any) -> str:
    """Gives the secret as it is. One that SSM would take for a reference, or functions for a list, is put in a list."""
    if isinstance(secret, str):
        return _json([secret]) if "{{" in secret or secret.startswith("[") else secret
    return _json(secret)


def _pages(names: Iterable[str]) -> Iterator[str]:
    page = ""
    for name in names:
        if page and len(page) + 1 + len(name) > VALUE_BYTES:
            yield page
            page = ""
        page = f"{page},{name}" if page else name
    if page:
        yield page


def _json(value: Any) -> str:
    """Writes compact JSON with `{{` escaped, because SSM takes that for a reference of its own and refuses it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("{{", "{\\u007b")


def _mistakes(config: Any, secrets: Any) -> Iterator[str]:
    if not isinstance(config, Mapping) or not isinstance(secrets, Mapping):
        yield "expected a mapping with scenarios and sources"
        return
    unquoted = [*_unquoted(config, ""), *_unquoted(secrets, "secrets")]
    if unquoted:  # the other checks take names to be text
        yield from unquoted
        return
    unknown = set(config) - {"scenarios", "sources"}
    if unknown:
        yield f"unknown field {', '.join(sorted(map(str, unknown)))}; expected scenarios and sources"
    scenarios = config.get("scenarios") or {}
    sources = config.get("sources") or {}
    if not sources:
        yield "there are no sources: expected at least one under sources"
    if not isinstance(scenarios, Mapping) or not isinstance(sources, Mapping):
        yield "scenarios and sources: expected mappings"
        return
    for name, scenario in scenarios.items():
        key = _key(scenario)
        if not isinstance(key, str) or not _NAME.fullmatch(name) or not key.strip():
            yield f"scenario {_shown(name)}: expected a name of letters, digits, '.', '_', '-', and a key in quotes"
    for name, source in sources.items():
        yield from _source_mistakes(name, source, scenarios)
    yield from _secret_mistakes(secrets, sources)


def _unquoted(value: Any, place: str) -> Iterator[str]:
    """Finds names at any depth that YAML reads as a number, true or null, because JSON would change them."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            path = f"{place}.{name}" if place else str(name)
            if not isinstance(name, str):
                yield f"{path}: YAML reads this name as {type(name).__name__}, not as text; put it in quotes"
            yield from _unquoted(inner, path)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unquoted(inner, f"{place}[{index}]")


def _shown(name: str) -> str:
    """Gives the name in a form that fits in one line, whatever it holds."""
    return name if name.isprintable() else repr(name)


def _secret_mistakes(secrets: Mapping[str, Any], sources: Mapping[str, Any]) -> Iterator[str]:
    given = secrets.get("sources") or {}
    if set(secrets) - {"sources"} or not isinstance(given, Mapping):
        yield "secrets: expected sources, and under it each source's secret"
        return
    for name, secret in given.items():
        if name not in sources:
            yield f"secrets: there is no source {_shown(name)}"
        several = secret if isinstance(secret, list) else [secret]
        if not several or not all(isinstance(one, str) and one.strip() for one in several):
            yield f"secrets, source {_shown(name)}: expected a text (in quotes, if it is a number), or a list of them"
        elif any(one != one.strip() for one in several):
            yield f"secrets, source {_shown(name)}: expected no white space around a secret (after |, write |-)"


def _source_mistakes(name: str, source: Any, scenarios: Mapping[str, Any]) -> Iterator[str]:
    if not _SOURCE.fullmatch(name):
        yield f"source {_shown(name)}: expected a name of lower-case letters, digits and hyphens, 63 at most"
        return
    if not isinstance(source, Mapping) or not isinstance(source.get("routes") or {}, Mapping):
        yield f"source {name}: expected a mapping with verify and routes"
        return
    settings = {key: value for key, value in source.items() if key != "routes"}
    routes = source.get("routes") or {}
    for route in routes:
        if not _NAME.fullmatch(route):
            yield f"source {name}, route {_shown(route)}: expected a name of letters, digits, '.', '_', '-'"
    try:
        parsed = parse_source(name, settings, routes, ())
    except ConfigurationMistake as mistake:
        yield str(mistake)
        return
    yield from map(str, parsed.mistakes)
    for scenario in sorted(parsed.scenarios - set(scenarios)):
        yield f"source {name}: there is no scenario {scenario} under scenarios"
