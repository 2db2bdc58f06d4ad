"""The channels of a scenario: the name of each one's body in /advanced, and the addresses that reach it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    SMS = "SMS"
    EMAIL = "EMAIL"
    VOICE = "VOICE"
    PUSH = "PUSH"
    VIBER = "VIBER"
    LINE = "LINE"
    VKONTAKTE = "VKONTAKTE"
    KAKAO_CHINGU = "KAKAO_CHINGU"
    KAKAO_ALIM = "KAKAO_ALIM"
    WHATSAPP = "WHATSAPP"
    FACEBOOK = "FACEBOOK"
    PARSECO = "PARSECO"


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    body: str
    addresses: tuple[str, ...] = ("phoneNumber",)


CHANNELS: Final[Mapping[Channel, ChannelFacts]] = {
    Channel.SMS: ChannelFacts("sms"),
    Channel.EMAIL: ChannelFacts("email", ("emailAddress",)),
    Channel.VOICE: ChannelFacts("voice"),
    Channel.PUSH: ChannelFacts("push", ("pushRegistrationId",)),
    Channel.VIBER: ChannelFacts("viber"),
    Channel.LINE: ChannelFacts("line"),
    Channel.VKONTAKTE: ChannelFacts("vKontakte"),
    Channel.KAKAO_CHINGU: ChannelFacts("kakaoChingu"),
    Channel.KAKAO_ALIM: ChannelFacts("kakaoAlim"),
    Channel.WHATSAPP: ChannelFacts("whatsApp", ("whatsAppUserId", "phoneNumber")),
    Channel.FACEBOOK: ChannelFacts("facebook"),
    Channel.PARSECO: ChannelFacts("parseco"),
}
