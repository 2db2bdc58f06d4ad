"""Reads the environment variables of `make run` and `make event`: ports, files, hosts.

For `make event`, a variable that isn't set is what the running stack has, by its run.json.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configuration import run_file
from configuration.files import Unreadable, read_yaml
from configuration.parameters import parameters_of
from sandbox.renewal import Sources
from sandbox.stack.settings import PROJECT, Ports, StackSettings

# An edited file is live within a second, and the pull, which the template starts each minute, comes after five.
_PARAMETERS = {"ConfigTtlSeconds": "1", "DeliveryReports": "push", "EventBusName": "local"}
_RATE_SCALE = 12


class Unusable(Exception):
    """A file or variable can't be used. The text says which one and why."""


def port(variable: str, default: int) -> int:
    """Raises Unusable."""
    value = os.environ.get(variable) or str(default)
    if not value.isascii() or not value.isdigit() or not 0 <= int(value) <= 65_535:  # noqa: PLR2004 - TCP's
        raise Unusable(f"{variable}: expected a port number, not {value!r}")
    return int(value)


def running_port(variable: str, server: str, default: int) -> int:
    """The port that the variable names, or else the running stack's, or else the default. Raises Unusable."""
    run = None if os.environ.get(variable) else _run()
    return port(variable, int(run["urls"][server].rpartition(":")[2]) if run else default)


def sources() -> Sources:
    """The files that CONFIG and SECRETS name, or else the running stack's, or else our own.

    Raises Unusable, and Mistakes as the push would.
    """
    run = {} if os.environ.get("CONFIG") or os.environ.get("SECRETS") else _run() or {}
    config = _named_file("CONFIG", run.get("config") or "relay.yaml")
    found = Sources(config, _secrets_for(config, run.get("secrets")))
    parameters_of(found.config, found.secrets, "/local")
    return found


def named_files() -> tuple[Path, Path | None]:
    """The paths that CONFIG (or our own) and SECRETS name."""
    secrets = os.environ.get("SECRETS")
    return Path(os.environ.get("CONFIG") or PROJECT / "relay.yaml").absolute(), Path(
        secrets
    ).absolute() if secrets else None


def run_file_path() -> Path:
    """The file that tells verbs of the running stack. RUN_FILE names another one."""
    return Path(os.environ.get("RUN_FILE") or PROJECT / run_file.RUN_FILE)


def _run() -> Mapping[str, Any] | None:
    """Raises Unusable."""
    try:
        return run_file.running(PROJECT)
    except run_file.Unreadable as problem:
        raise Unusable(str(problem)) from None


def settings_from_environment() -> StackSettings:
    """Raises Unusable."""
    config = _named_file("CONFIG", "relay.yaml")
    return StackSettings(
        config=config,
        secrets=_secrets_for(config),
        ports=Ports(
            relay=port("RELAY_PORT", 3000),
            sandbox=port("SANDBOX_PORT", 8025),
            aws=port("AWS_PORT", 4566),
            lambda_=port("LAMBDA_PORT", 3001),
        ),
        bind_host=os.environ.get("BIND_HOST") or "127.0.0.1",
        public_host=os.environ.get("PUBLIC_HOST") or None,
        logs=Path(os.environ.get("LOGS") or PROJECT / ".local" / "logs"),
        template_parameters=_PARAMETERS,
        rate_scale=_RATE_SCALE,
    )


def _named_file(variable: str, default: str) -> dict[str, Any]:
    """Reads the YAML mapping in the file that the variable names. Raises Unusable."""
    try:
        return read_yaml(Path(os.environ.get(variable) or PROJECT / default))
    except Unreadable as problem:
        raise Unusable(f"{variable}: {problem}") from None


def _secrets_for(config: Mapping[str, Any], running: str | None = None) -> dict[str, Any]:
    """The file that SECRETS or `running` names, or else our own fake secrets of the sources in `config`.

    Raises Unusable.
    """
    secrets = _named_file("SECRETS", running or "secrets.local.yaml")
    known, given = config.get("sources"), secrets.get("sources")
    named = running or os.environ.get("SECRETS")
    if named or not isinstance(known, Mapping) or not isinstance(given, Mapping):
        return secrets
    return secrets | {"sources": {name: secret for name, secret in given.items() if name in known}}
