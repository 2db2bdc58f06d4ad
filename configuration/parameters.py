"""Turns relay.yaml and its secrets into SSM parameters, and checks everything before any is written."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from configuration.checking import key_of, mistakes
from configuration.mistakes import Mistake, Mistakes
from omni.authorization import InvalidAuthorization, checked_authorization
from omni.outgoing import checked_base_url

VALUE_BYTES = 4_096  # of a standard parameter


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of an installation. `Schedule` is none of SSM's types: EventBridge Scheduler holds those."""

    name: str
    type: Literal["String", "StringList", "SecureString", "Schedule"]
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
    _raise_if_any([*mistakes(config, secrets), *_account_mistakes(omni_base_url, omni_authorization)])
    found = [*_account(omni_base_url, omni_authorization), *_scenarios(config.get("scenarios") or {})]
    found += _sources(config.get("sources") or {}, secrets.get("sources") or {})
    _raise_if_any([Mistake(why, field=p.name) for p in found for why in _refusals(p.value)])
    return [Parameter(f"{prefix}/{p.name}", p.type, p.value) for p in found]


def _raise_if_any(found: Sequence[Mistake]) -> None:
    if found:
        raise Mistakes(found)


def _account_mistakes(base_url: str | None, authorization: str | None) -> Iterator[Mistake]:
    if base_url is not None:
        try:
            _checked_https(base_url)
        except ValueError as mistake:
            yield Mistake(f"{mistake} (such as https://api.infobip.com)", field="OMNI")
    if authorization is not None:
        try:
            checked_authorization(authorization)
        except InvalidAuthorization as mistake:
            yield Mistake(str(mistake), field="OMNI's authorization")


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
        yield Parameter(f"scenarios/{name}", "String", key_of(scenario))


def _sources(sources: Mapping[str, Any], secrets: Mapping[str, Any]) -> Iterator[Parameter]:
    for name, source in sources.items():
        settings = {key: value for key, value in source.items() if key != "routes"}
        yield Parameter(f"sources/{name}/settings", "String", _json(settings))
        for route, rule in (source.get("routes") or {}).items():
            yield Parameter(f"sources/{name}/routes/{route}", "String", _json(rule))
        if name in secrets:
            yield Parameter(f"sources/{name}/secrets", "SecureString", secret_value(secrets[name]))
    for number, page in enumerate(_pages(sorted(sources)), start=1):
        yield Parameter(f"source-names/{number}", "StringList", page)


def secret_value(secret: Any) -> str:
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
