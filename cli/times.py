"""Reads the times that people write in options: `2h` for two hours ago, or a date."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Length(click.ParamType[timedelta]):
    """A length of time, such as `90m`."""

    name = "length"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,5})([smhd])", str(value).strip())
        if found is None or not int(found[1]):
            self.fail(f"expected a length such as 90m, 2h or 3d: {value}", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


class Ago(click.ParamType[datetime]):
    """A length of time back from now, such as `90m`, or a moment such as `2026-11-24T09:00`, which is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        back = re.fullmatch(r"(\d{1,6})([smhd])", text)
        if back:
            return datetime.now(UTC) - timedelta(**{_UNITS[back[2]]: int(back[1])})
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(
                f"expected a length such as 90m, 2h or 3d, or a date such as 2026-11-24T09:00: {text}", param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)"
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOMENTS = "expected such as 18:30, tomorrow 09:00, friday 7:30, 2026-12-01 09:00, or a length from now such as 2h"


def moment(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """Reads a moment ahead of `now` as people say it, in their zone; None is this machine's zone.

    Raises ValueError, which says what is wrong.
    """
    words = text.strip().lower()
    ahead = re.fullmatch(r"(?:in )?(\d{1,5}) ?([smhd])", words)
    found = now + timedelta(**{_UNITS[ahead[2]]: int(ahead[1])}) if ahead else _said(words, now, zone)
    if found <= now:
        raise ValueError(f"{found:%Y-%m-%d %H:%M %Z} is over")
    return found


def _said(words: str, now: datetime, zone: tzinfo | None) -> datetime:
    local = now.astimezone(zone).replace(tzinfo=None)
    said = re.fullmatch(rf"(?:(?P<day>today|tomorrow|{'|'.join(_DAYS)}) (?:at )?)?{_CLOCK}", words)
    if said:
        found = _at_clock(local, said["day"], int(said["hour"]), int(said["minute"]))
    elif re.match(r"\d{4}-\d\d-\d\d[ t]", words):
        found = datetime.fromisoformat(words.upper())
    else:
        raise ValueError(MOMENTS)
    if found.tzinfo:
        return found
    placed = found.replace(tzinfo=zone) if zone else found.astimezone()
    if placed.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != found:
        raise ValueError("there is no such time on that day, because the clocks go forward")
    return placed


def _at_clock(local: datetime, day: str | None, hour: int, minute: int) -> datetime:
    """Returns that time of the day: today or tomorrow, whichever is next, if no day is said. Raises ValueError."""
    today = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if day in _DAYS:
        days = (_DAYS.index(day) - local.weekday()) % 7 or (0 if today > local else 7)
    else:
        days = {"today": 0, "tomorrow": 1}.get(day or "", int(today <= local))
    return today + timedelta(days=days)
