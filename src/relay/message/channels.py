"""The bodies that a notification gives to OMNI's channels: their names, their limits, and whether they say anything."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from omni.contents import CONTENT_FIELDS, ChannelContent
from omni.models import AdvancedRequest
from relay import limits
from relay.message.cleaning import message_line, message_text
from relay.message.wording import expected, misplaced, place_of

Channels = dict[str, dict[str, Any]]
CHANNELS = tuple(CONTENT_FIELDS.values())
_CHANNEL = re.compile(r"[a-z][A-Za-z]{0,31}")  # a channel of next year's is welcome, another field of the request isn't
_BY_LETTERS = {name.lower(): name for name in CHANNELS}
_OTHER_FIELDS = {
    name
    for field, info in AdvancedRequest.model_fields.items()
    if info.alias not in CHANNELS
    for name in (field, info.alias)
}
# A channel of these says its text; the others may show a picture or fill in a template instead.
_TEXT_ONLY = frozenset({"sms", "email", "voice"})
_NO_CONTENT = frozenset(
    {"text", "validityPeriod", "validityPeriodTimeUnit", "language", "isPromotional", "buttonText", "buttonURL"}
)
_UNITS = ("NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS")


def channel_meant(name: str) -> str | None:
    """The known channel of these letters: `sms` of `SMS`, `whatsApp` of `whatsapp`, `kakaoAlim` of `KAKAO_ALIM`."""
    return _BY_LETTERS.get(re.sub(r"[ _-]", "", name.lower()))


def checked_channels(channels: Channels) -> Channels:
    """The bodies with their texts fit for a message, and without nulls, which mustn't hide what holds for all channels.

    Raises:
        ValueError, PydanticCustomError: a name is no channel's, a field isn't what the API takes, a text is too long.
    """
    for name in channels:
        meant = channel_meant(name)
        if meant not in {None, name}:
            raise misplaced((name,), f"expected it as {meant}")
        if not _CHANNEL.fullmatch(name) or name in _OTHER_FIELDS:
            raise ValueError("expected names of channels, such as sms, email or whatsApp")
    bodies = {name: _cleaned(body, (name,)) for name, body in channels.items()}
    try:
        AdvancedRequest.model_validate({"destinations": (), **bodies})
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        raise misplaced(place_of(first), expected(first)) from None
    for name, body in bodies.items():
        _check_validity(name, body)
    return bodies


def _cleaned(body: Mapping[str, Any], place: tuple[int | str, ...]) -> dict[str, Any]:
    return {key: _fit(value, (*place, key)) for key, value in body.items() if value is not None}


def _fit(value: Any, place: tuple[int | str, ...]) -> Any:
    if isinstance(value, str):
        most = limits.SUBJECT_CHARS if place[-1] == "subject" else limits.TEXT_CHARS
        clean = message_line if place[-1] == "subject" else message_text
        if len(value) > most:
            raise misplaced(place, f"expected {most} characters or fewer")
        return clean(value)
    if isinstance(value, Mapping):
        return {key: _fit(inner, (*place, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fit(inner, (*place, index)) for index, inner in enumerate(value)]
    return value


def _check_validity(name: str, body: Mapping[str, Any]) -> None:
    if name not in CHANNELS:
        return
    content = ChannelContent.model_validate(body)
    if content.validity_period is not None and content.validity_period < 1:
        raise misplaced((name, "validityPeriod"), "expected a whole number from 1 on")
    if content.validity_period_time_unit not in {None, *_UNITS}:
        raise misplaced((name, "validityPeriodTimeUnit"), f"expected one of {', '.join(_UNITS)}")


def check_speaks(channels: Channels, text: str | None) -> None:
    """Raises PydanticCustomError where a channel has neither the text that holds for all nor content of its own."""
    for name, body in channels.items():
        if is_blank(body.get("text", text)) and (name in _TEXT_ONLY or body.keys() <= _NO_CONTENT):
            raise misplaced(("channels", name, "text"), "expected a text that isn't blank, here or for all channels")


def is_blank(text: Any) -> bool:
    return text is None or not str(text).strip()
