"""What each channel of an advanced request carries; unknown fields and channels are kept (see `wire`)."""

from typing import Any

from pydantic import Field

from omni.wire import OptionalBool, OptionalInt, WireModel

# The channel's name in a scenario's step, and the field that holds its content in an advanced request.
CONTENT_FIELDS = {
    "SMS": "sms",
    "EMAIL": "email",
    "VOICE": "voice",
    "PUSH": "push",
    "VIBER": "viber",
    "LINE": "line",
    "VKONTAKTE": "vKontakte",
    "KAKAO_CHINGU": "kakaoChingu",
    "KAKAO_ALIM": "kakaoAlim",
    "WHATSAPP": "whatsApp",
    "FACEBOOK": "facebook",  # older accounts
    "PARSECO": "parseco",  # older accounts
}


class ChannelContent(WireModel):
    """What all channels share; `validity_period` counts minutes unless `validity_period_time_unit` says otherwise."""

    text: str | None = None
    validity_period: OptionalInt = None
    validity_period_time_unit: str | None = None


class Sms(ChannelContent):
    pass


class Email(ChannelContent):
    subject: str | None = None


class Voice(ChannelContent):
    language: str | None = None


class Viber(ChannelContent):
    image_url: str | None = Field(None, alias="imageURL")
    button_text: str | None = None
    button_url: str | None = Field(None, alias="buttonURL")
    is_promotional: OptionalBool = None


class WhatsApp(ChannelContent):
    template_name: str | None = None
    template_data: tuple[str, ...] | None = None
    template_namespace: str | None = None
    language: str | None = None


class Push(ChannelContent):
    custom_payload: dict[str, Any] | None = None
    notification_options: dict[str, Any] | None = None


class Line(ChannelContent):
    pass


class VKontakte(ChannelContent):
    pass


class KakaoAlim(ChannelContent):
    pass


class KakaoChingu(ChannelContent):
    pass
