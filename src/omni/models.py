"""The requests and answers of the OMNI API. They can't be changed; `from_wire` reads them and `wire` writes them."""

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


class To(WireModel):
    """A recipient's addresses. A phone number is in international format, with digits only."""

    phone_number: str | None = None
    email_address: str | None = None
    push_registration_id: str | None = None
    whatsapp_user_id: str | None = Field(None, alias="whatsAppUserId")


class Destination(WireModel):
    message_id: str | None = None
    to: To


class TextRequest(WireModel):
    """The body of POST /omni/1/text. Without a scenario key, OMNI uses the account's default scenario."""

    destinations: tuple[Destination, ...]
    bulk_id: str | None = None
    scenario_key: str | None = None
    text: str
    mail_subject: str | None = None


class AdvancedRequest(WireModel):
    """The body of POST /omni/1/advanced. `send_at` delays only the first step, by less than 180 days."""

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
    """A message's status. No field is required, because new statuses appear and some have no group id."""

    group_id: OptionalInt = None
    group_name: str = ""
    id: OptionalInt = None
    name: str = ""
    description: str = ""
    action: str | None = None


class ReportError(WireModel):
    """Why a message was not delivered. If `permanent`, the same message to the same address can't succeed."""

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
    """The answer to a send. It has a `bulk_id` only if there was more than one destination."""

    bulk_id: str | None = None
    messages: tuple[MessageResult, ...]


class Step(WireModel):
    from_: str | None = Field(None, alias="from")
    channel: str


class Scenario(WireModel):
    """Channels in the order in which OMNI tries them. OMNI makes the key.

    Older clients name the flag `defaultScenario`, so it is read by either name and written by both.
    """

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

    @computed_field(alias="defaultScenario")  # type: ignore[prop-decorator]  # mypy accepts no decorated property
    @property
    def default_scenario(self) -> bool | None:
        return self.default


class ScenariosResponse(WireModel):
    scenarios: tuple[Scenario, ...]


class Price(WireModel):
    price_per_message: OptionalFloat = None
    currency: str | None = None


class Log(WireModel):
    """An entry of the logs. `to` is one plain address, and `channel` is the one that carried the message."""

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
    """A delivery report: the fields of a log entry, and the error."""

    error: ReportError | None = None


class ReportsResponse(WireModel):
    """Reports, pulled or pushed. OMNI gives each pulled report only once."""

    results: tuple[Report, ...]


class LogsResponse(WireModel):
    results: tuple[Log, ...]
