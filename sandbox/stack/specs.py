"""The declarations of template.yaml, as the stand-ins need them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configuration.parameters import Parameter

REGION = "us-east-1"
ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """`timeout` is in seconds, `memory` in MB. `reserved` is the reserved concurrency, if the template sets one.

    `traced` says whether X-Ray samples the invocations. AWS samples some of them; the local stack samples all.
    """

    logical_id: str
    name: str
    handler: str
    code: Path
    runtime: str
    timeout: float
    memory: int
    environment: Mapping[str, str]
    reserved: int | None
    log_group: str
    log_format: str
    traced: bool

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """`method` is upper-case, or ANY. `path` may hold `{name}` and, at its end, `{name+}`."""

    method: str
    path: str
    function: str


@dataclass(frozen=True, slots=True)
class ThrottleSpec:
    """`rate` is in requests per second, `burst` in requests at once. None means no limit."""

    rate: float | None = None
    burst: int | None = None


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """`attributes` are what CreateQueue takes."""

    logical_id: str
    name: str
    attributes: Mapping[str, str]

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """A queue that is polled for a function. `window` is the batching window in seconds."""

    queue: str
    function: str
    batch_size: int
    window: float
    max_concurrency: int | None
    reports_failures: bool


@dataclass(frozen=True, slots=True)
class TableSpec:
    """`definition` is what CreateTable takes."""

    logical_id: str
    name: str
    definition: Mapping[str, Any]
    ttl_attribute: str | None

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the attributes that are an item's key."""
        return tuple(part["AttributeName"] for part in self.definition["KeySchema"])


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """`input` is the payload as text. None means AWS's default, an empty payload."""

    name: str
    function: str
    expression: str
    timezone: str
    input: str | None
    enabled: bool


@dataclass(frozen=True, slots=True)
class SamTemplate:
    """The keys are logical ids. `function` and `queue` of the other specs are such ids. `parameters` are SSM's."""

    functions: Mapping[str, FunctionSpec]
    routes: tuple[RouteSpec, ...]
    throttle: ThrottleSpec
    queues: Mapping[str, QueueSpec]
    mappings: tuple[MappingSpec, ...]
    tables: Mapping[str, TableSpec]
    schedules: tuple[ScheduleSpec, ...]
    parameters: tuple[Parameter, ...] = ()

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of all functions together."""
        return {name: value for function in self.functions.values() for name, value in function.environment.items()}

    def queue_url(self, logical_id: str, cloud_url: str) -> str:
        return f"{cloud_url}/{ACCOUNT}/{self.queues[logical_id].name}"
