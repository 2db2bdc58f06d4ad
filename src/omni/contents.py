"""The content of each channel in an advanced request. Unknown fields and channels are kept (see `wire`)."""

from typing import Any

from pydantic import Field

from omni.wire import OptionalBool, OptionalInt, WireModel

# Maps a channel's name in a scenario's step to the field of an advanced request that holds its content.
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
    """The fields of every channel. `validity_period` is in minutes, or in `validity_period_time_unit` if given."""

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
