"""The bodies that a notification gives to OMNI's channels: their names, their limits, and whether they say anything."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from omni.contents import CONTENT_FIELDS, ChannelContent
from omni.models import AdvancedRequest
from relay import limits
from relay.message.cleaning import message_line, message_text
from relay.message.wording import Place, errors_at, errors_of
from relay.problems import FieldError, field_path

Channels = dict[str, dict[str, Any]]
CHANNELS = tuple(CONTENT_FIELDS.values())
_CHANNEL = re.compile(r"[a-z][A-Za-z]{0,31}")
_BY_LETTERS = {name.lower(): name for name in CHANNELS}
# A channel that we don't know yet may be next year's. A field of the request beside the channels is none.
_OTHER_FIELDS = {
    name
    for field, info in AdvancedRequest.model_fields.items()
    if info.alias not in CHANNELS
    for name in (field, info.alias)
}
# These channels only say a text. The others may show a picture or fill in a template instead.
_TEXT_ONLY = frozenset({"sms", "email", "voice"})
_NO_CONTENT = frozenset(
    {"text", "validityPeriod", "validityPeriodTimeUnit", "language", "isPromotional", "buttonText", "buttonURL"}
)
_UNITS = ("NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS")


def channel_meant(name: str) -> str | None:
    """Gives the known channel of these letters, such as `sms` for `SMS` or `kakaoAlim` for `KAKAO_ALIM`, or None."""
    return _BY_LETTERS.get(re.sub(r"[ _-]", "", name.lower()))


def name_mistake(name: str) -> str | None:
    """Says what was expected instead of `name`; None for a channel, known or of next year's."""
    meant = channel_meant(name)
    if meant not in {None, name}:
        return f"expected it as {meant}"
    if not _CHANNEL.fullmatch(name) or name in _OTHER_FIELDS:
        return "expected the name of a channel, such as sms, email or whatsApp"
    return None


def checked_channels(channels: Channels) -> Channels:
    """Gives the bodies with their texts fit for a message.

    Nulls are left out, because a channel's null must not hide the text that holds for all channels.

    Raises:
        ValidationError: names are no channel's, fields aren't what the API takes, texts are too long; it lists all.
    """
    bodies: Channels = {}
    found: list[tuple[Place, str]] = []
    for name, body in channels.items():
        wrong = name_mistake(name)
        if wrong:
            found.append(((name,), wrong))
            continue
        bodies[name] = {key: _fit(value, (name, key), found) for key, value in body.items() if value is not None}
        found += _refused(name, bodies[name])
    if found:
        raise errors_at(found)
    return bodies


def _fit(value: Any, place: Place, found: list[tuple[Place, str]]) -> Any:
    """Gives the value with its texts cleaned; adds those that are too long to `found`."""
    if isinstance(value, str):
        is_subject = place[-1] == "subject"
        most = limits.SUBJECT_CHARS if is_subject else limits.TEXT_CHARS
        if len(value) > most:
            found.append((place, f"expected {most} characters or fewer"))
        return message_line(value) if is_subject else message_text(value)
    if isinstance(value, Mapping):
        return {key: _fit(inner, (*place, key), found) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fit(inner, (*place, index), found) for index, inner in enumerate(value)]
    return value


def _refused(name: str, body: Mapping[str, Any]) -> list[tuple[Place, str]]:
    """Lists what the API would refuse in the body of a channel that we know."""
    if name not in CHANNELS:
        return []
    try:
        AdvancedRequest.model_validate({"destinations": (), name: body})
    except ValidationError as problem:
        return errors_of(problem)
    content = ChannelContent.model_validate(body)
    found: list[tuple[Place, str]] = []
    if content.validity_period is not None and content.validity_period < 1:
        found.append(((name, "validityPeriod"), "expected a whole number from 1 on"))
    if content.validity_period_time_unit not in {None, *_UNITS}:
        found.append(((name, "validityPeriodTimeUnit"), f"expected one of {', '.join(_UNITS)}"))
    return found


def silent_fields(text: Any, channels: Any) -> Iterator[FieldError]:
    """Finds where nothing would be said: without a text everywhere, or on a channel without content of its own.

    Both come as they were written: what is no text or no channel is another check's to report.
    """
    if not channels and is_blank(text):
        yield FieldError("text", "expected a text, or channels with their own")
    for name, body in channels.items() if isinstance(channels, Mapping) else ():
        if isinstance(body, Mapping) and not name_mistake(name) and _is_silent(name, body, text):
            field = field_path(("channels", name, "text"))
            yield FieldError(field, "expected a text that isn't blank, here or for all channels")


def _is_silent(name: str, body: Mapping[str, Any], text: Any) -> bool:
    own = body.get("text")
    given = {key for key, value in body.items() if value is not None}
    return is_blank(text if own is None else own) and (name in _TEXT_ONLY or given <= _NO_CONTENT)


def is_blank(text: Any) -> bool:
    """Says whether nothing is left of a text once it is clean."""
    return text is None or (isinstance(text, str) and not message_text(text))
