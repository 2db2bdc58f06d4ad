"""Reads the environment variables of `make run` and `make event`: ports, files, hosts."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configuration.files import Unreadable, read_yaml
from configuration.parameters import parameters_of
from sandbox.renewal import Sources
from sandbox.stack.settings import PROJECT, Ports, StackSettings


class Unusable(Exception):
    """A file or variable can't be used. The text says which one and why."""


def port(variable: str, default: int) -> int:
    """Raises Unusable."""
    value = os.environ.get(variable) or str(default)
    if not value.isascii() or not value.isdigit() or not 0 <= int(value) <= 65_535:  # noqa: PLR2004 - TCP's
        raise Unusable(f"{variable}: expected a port number, not {value!r}")
    return int(value)


def relay_port() -> int:
    """Raises Unusable."""
    return port("RELAY_PORT", 3000)


def lambda_port() -> int:
    """Raises Unusable."""
    return port("LAMBDA_PORT", 3001)


def sources() -> Sources:
    """The files that CONFIG and SECRETS name, or else our own. Raises Unusable, and Mistakes as the push would."""
    config = _named_file("CONFIG", "relay.yaml")
    found = Sources(config, _secrets_for(config))
    parameters_of(found.config, found.secrets, "/local")
    return found


def settings_from_environment() -> StackSettings:
    """Raises Unusable."""
    config = _named_file("CONFIG", "relay.yaml")
    return StackSettings(
        config=config,
        secrets=_secrets_for(config),
        ports=Ports(
            relay=relay_port(),
            sandbox=port("SANDBOX_PORT", 8025),
            aws=port("AWS_PORT", 4566),
            lambda_=lambda_port(),
        ),
        bind_host=os.environ.get("BIND_HOST") or "127.0.0.1",
        public_host=os.environ.get("PUBLIC_HOST") or None,
        logs=Path(os.environ.get("LOGS") or PROJECT / ".local" / "logs"),
    )


def _named_file(variable: str, default: str) -> dict[str, Any]:
    """Reads the YAML mapping in the file that the variable names. Raises Unusable."""
    try:
        return read_yaml(Path(os.environ.get(variable) or PROJECT / default))
    except Unreadable as problem:
        raise Unusable(f"{variable}: {problem}") from None


def _secrets_for(config: Mapping[str, Any]) -> dict[str, Any]:
    """The file that SECRETS names, or else our own fake secrets of the sources that `config` has. Raises Unusable."""
    secrets = _named_file("SECRETS", "secrets.local.yaml")
    known, given = config.get("sources"), secrets.get("sources")
    if os.environ.get("SECRETS") or not isinstance(known, Mapping) or not isinstance(given, Mapping):
        return secrets
    return secrets | {"sources": {name: secret for name, secret in given.items() if name in known}}
