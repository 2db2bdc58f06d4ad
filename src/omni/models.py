"""Requests and answers of the OMNI API, frozen; `from_wire` reads them and `wire` writes them (see `wire`)."""

from typing import Any

from pydantic import Field, computed_field, model_validator

from omni.contents import (
    ChannelContent,
    Email,
    KakaoAlim,
    KakaoChingu,
    Line,
    Push,
    Sms,
    Viber,
    VKontakte,
    Voice,
    WhatsApp,
)
from omni.wire import OptionalBool, OptionalFloat, OptionalInstant, OptionalInt, WireModel

CALLBACK_DATA_MAX_CHARS = 4000


class To(WireModel):
    """A recipient's addresses; phone numbers in international format, digits only."""

    phone_number: str | None = None
    email_address: str | None = None
    push_registration_id: str | None = None
    whatsapp_user_id: str | None = Field(None, alias="whatsAppUserId")


class Destination(WireModel):
    message_id: str | None = None
    to: To


class TextRequest(WireModel):
    """POST /omni/1/text; without a scenario key the account's default scenario applies."""

    destinations: tuple[Destination, ...]
    bulk_id: str | None = None
    scenario_key: str | None = None
    text: str
    mail_subject: str | None = None


class AdvancedRequest(WireModel):
    """POST /omni/1/advanced; `send_at` delays the first step only, by less than 180 days."""

    destinations: tuple[Destination, ...]
    bulk_id: str | None = None
    scenario_key: str | None = None
    sms: Sms | None = None
    email: Email | None = None
    voice: Voice | None = None
    viber: Viber | None = None
    whatsapp: WhatsApp | None = Field(None, alias="whatsApp")
    push: Push | None = None
    line: Line | None = None
    v_kontakte: VKontakte | None = None
    kakao_alim: KakaoAlim | None = None
    kakao_chingu: KakaoChingu | None = None
    facebook: ChannelContent | None = None
    parseco: ChannelContent | None = None
    notify: OptionalBool = None
    notify_url: str | None = None
    notify_content_type: str | None = None
    callback_data: str | None = None
    intermediate_report: OptionalBool = None
    send_at: OptionalInstant = None


class Status(WireModel):
    """A message's status. Nothing is required: new ones appear, and some have no group id."""

    group_id: OptionalInt = None
    group_name: str = ""
    id: OptionalInt = None
    name: str = ""
    description: str = ""
    action: str | None = None


class ReportError(WireModel):
    """Why a message was not delivered; `permanent` says that the same message to the same address can't succeed."""

    group_id: OptionalInt = None
    group_name: str = ""
    id: OptionalInt = None
    name: str = ""
    description: str = ""
    permanent: OptionalBool = None


class MessageResult(WireModel):
    to: To | None = None
    status: Status
    message_id: str | None = None


class OmniResponse(WireModel):
    """The answer to a send; `bulk_id` only with more than one destination."""

    bulk_id: str | None = None
    messages: tuple[MessageResult, ...]


class Step(WireModel):
    from_: str | None = Field(None, alias="from")
    channel: str


class Scenario(WireModel):
    """Channels in the order in which they are tried. The API gives the key; `default` is also `defaultScenario`."""

    key: str | None = None
    name: str | None = None
    flow: tuple[Step, ...] = ()
    default: OptionalBool = None

    @model_validator(mode="before")
    @classmethod
    def _either_name_of_default(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "defaultScenario" not in value:
            return value
        rest = {name: item for name, item in value.items() if name != "defaultScenario"}
        return {"default": value["defaultScenario"], **rest}

    @computed_field(alias="defaultScenario")  # type: ignore[prop-decorator]  # mypy can't decorate a property
    @property
    def default_scenario(self) -> bool | None:
        return self.default


class ScenariosResponse(WireModel):
    scenarios: tuple[Scenario, ...]


class Price(WireModel):
    price_per_message: OptionalFloat = None
    currency: str | None = None


class Log(WireModel):
    """What a report and a log entry share; `to` is one plain address, `channel` the one that carried the message."""

    bulk_id: str | None = None
    message_id: str | None = None
    to: str | None = None
    from_: str | None = Field(None, alias="from")
    text: str | None = None
    sent_at: OptionalInstant = None
    done_at: OptionalInstant = None
    message_count: OptionalInt = None
    mcc_mnc: str | None = None
    price: Price | None = None
    status: Status | None = None
    channel: str | None = None
    callback_data: str | None = None


class Report(Log):
    error: ReportError | None = None


class ReportsResponse(WireModel):
    """Pulled or pushed reports. A pulled report is given once, then gone."""

    results: tuple[Report, ...]


class LogsResponse(WireModel):
    results: tuple[Log, ...]
