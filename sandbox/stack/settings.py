"""The settings of a local stack."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
OMNI_AUTHORIZATION = "App sandbox-api-key"


class StackError(Exception):
    """The stack can't start or go on. The text says why."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the stack's servers listen on this machine. 0 takes any free port."""

    relay: int = 3000
    sandbox: int = 8025
    aws: int = 4566
    lambda_: int = 3001

    @classmethod
    def free(cls) -> "Ports":
        return cls(0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """`config` and `secrets` are the parsed relay.yaml and secrets file. The defaults serve `make run`.

    `template_parameters` override the template's defaults. `queue_attributes` and `timeouts` (seconds), by logical id,
    shorten what tests can't wait for. `processes` is per function. `environment` are further variables of every
    function's process. `public_host` is the name by which containers reach this machine, where that is another one.
    `time_scale` is the sandbox's; `rate_scale` is how many times as often as the template says its rates fire.
    `listener` gets each line that a function logs, parsed, in the stack's thread.
    """

    template: Path = PROJECT / "template.yaml"
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    template_parameters: Mapping[str, str] = field(default_factory=dict)
    queue_attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    timeouts: Mapping[str, float] = field(default_factory=dict)
    ports: Ports = field(default_factory=Ports)
    bind_host: str = "127.0.0.1"
    public_host: str | None = None
    logs: Path = PROJECT / ".local" / "logs"
    processes: int = 4
    environment: Mapping[str, str] = field(default_factory=dict)
    integration_timeout: float = 30
    with_sandbox: bool = True
    time_scale: float = 1
    rate_scale: float = 1
    listener: Callable[[Mapping[str, Any]], None] = lambda _: None

    @property
    def hosts(self) -> frozenset[str]:
        """The names by which programs elsewhere, such as containers, call this machine."""
        return frozenset({self.bind_host, self.public_host or self.bind_host})

    @property
    def local_host(self) -> str:
        """The host by which programs on this machine reach the stack's servers."""
        return "127.0.0.1" if self.bind_host == "0.0.0.0" else self.bind_host
