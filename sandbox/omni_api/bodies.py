"""Models of the request bodies. They serve JSON and XML alike, with the API's field names."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from sandbox.omni_api.channels import CHANNELS, Channel
from sandbox.omni_api.clock import parsed
from sandbox.omni_api.errors import bad_request
from sandbox.validation import first_mistake

_UNIT_SECONDS: Final[Mapping[str, float]] = {
    "NANOSECONDS": 1e-9,
    "MICROSECONDS": 1e-6,
    "MILLISECONDS": 1e-3,
    "SECONDS": 1,
    "MINUTES": 60,
    "HOURS": 3_600,
    "DAYS": 86_400,
}
MAX_VALIDITY_SECONDS: Final = 48 * 3600
_SHORTEST_VALIDITY: Final[Mapping[str, int]] = {"viber": 35}


ReportUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s]*$", max_length=2000)]
ReportContentType = Literal["application/json", "application/xml"]

CheckedT = TypeVar("CheckedT", bound=BaseModel)


class Body(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, coerce_numbers_to_str=True
    )


class To(Body):
    phone_number: str | None = None
    email_address: str | None = None
    push_registration_id: str | None = None
    whats_app_user_id: str | None = None

    def wire(self) -> dict[str, str]:
        """The given addresses, as an answer repeats them."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def given(self) -> bool:
        return any(address.strip() for address in self.wire().values())


class Destination(Body):
    message_id: str | None = None
    to: To | None = None


class SendBody(Body):
    """The fields that both ways of sending share."""

    destinations: list[Destination] = Field(min_length=1)
    bulk_id: str | None = None
    scenario_key: str | None = None


class TextBody(SendBody):
    text: str
    mail_subject: str | None = None

    @field_validator("text")
    @classmethod
    def _not_blank(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("must not be blank")
        return text


class TimeUnit(StrEnum):
    NANOSECONDS = "NANOSECONDS"
    MICROSECONDS = "MICROSECONDS"
    MILLISECONDS = "MILLISECONDS"
    SECONDS = "SECONDS"
    MINUTES = "MINUTES"
    HOURS = "HOURS"
    DAYS = "DAYS"


class ChannelBody(Body):
    """One channel's content. Fields that the sandbox doesn't interpret are kept as they came."""

    model_config = ConfigDict(extra="allow")

    text: str | None = None
    subject: str | None = None
    validity_period: int | None = None
    validity_period_time_unit: TimeUnit = TimeUnit.MINUTES

    @property
    def validity_seconds(self) -> float | None:
        if self.validity_period is None:
            return None
        return self.validity_period * _UNIT_SECONDS[self.validity_period_time_unit]


def _moment(value: object) -> datetime:
    return parsed(value if isinstance(value, str) else "")


class AdvancedBody(SendBody):
    notify: bool | None = None
    notify_url: ReportUrl | None = None
    notify_content_type: ReportContentType = "application/json"
    callback_data: Annotated[str, Field(max_length=4000)] | None = None
    intermediate_report: bool = False
    send_at: Annotated[datetime, BeforeValidator(_moment)] | None = None
    channels: dict[str, ChannelBody]

    @model_validator(mode="before")
    @classmethod
    def _gather_channels(cls, content: object) -> object:
        """Moves the channels' bodies, which stand beside the other fields, under one name."""
        if not isinstance(content, Mapping):
            return content
        names = {channel.body for channel in CHANNELS.values()}
        bodies = {name: body for name, body in content.items() if name in names and body is not None}
        return {**{name: value for name, value in content.items() if name not in names}, "channels": bodies}

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, channels: dict[str, ChannelBody]) -> dict[str, ChannelBody]:
        if not channels:
            raise ValueError("at least one channel needs a body")
        for name, body in channels.items():
            shortest = _SHORTEST_VALIDITY.get(name, 30)
            seconds = body.validity_seconds
            if seconds is not None and not shortest < seconds <= MAX_VALIDITY_SECONDS:
                raise ValueError(f"the validity period of {name} must be more than {shortest} s, and 48 h at most")
        return channels


class FlowStepBody(Body):
    sender: str | None = Field(default=None, alias="from")
    channel: Channel


class ScenarioBody(Body):
    name: str = Field(min_length=1)
    flow: list[FlowStepBody] = Field(min_length=1)
    # The 2.x clients name the flag `defaultScenario`.
    default: bool | None = Field(default=None, validation_alias=AliasChoices("default", "defaultScenario"))


def checked(model: type[CheckedT], content: object) -> CheckedT:
    """The content as a model.

    Raises:
        ApiError: 400. It names the first wrong field and what was expected of it.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise bad_request(first_mistake(error)) from error
