"""Reads a function's environment variables, as template.yaml sets them."""

import os
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Environment(BaseModel):
    """The variables. Times are seconds, sizes are bytes, and the retry tables are numbers with commas between them."""

    model_config = ConfigDict(frozen=True)

    installation: str
    parameter_prefix: str
    table_name: str
    queue_url: str
    dead_letter_queue_url: str
    config_ttl_seconds: float = Field(gt=0)
    max_body_bytes: int = Field(gt=0)
    max_destinations_per_request: int = Field(gt=0)
    omni_timeout_seconds: float = Field(gt=0)
    retry_delays: tuple[int, ...]
    account_retry_delays: tuple[int, ...]
    record_ttl_seconds: int = Field(gt=0)
    records_table_name: str
    message_ttl_days: int = Field(gt=0)
    keep_content: bool
    delivery_reports: Literal["pull", "push", "off"]
    event_bus_name: str = ""

    @field_validator("retry_delays", "account_retry_delays", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Self:
        """Reads the variables. Raises pydantic.ValidationError, which names each variable that is missing or wrong."""
        return cls.model_validate(
            {name: variables[name.upper()] for name in cls.model_fields if name.upper() in variables}
        )
