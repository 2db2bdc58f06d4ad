"""Reads the times that people write in options: `2h` for two hours ago, or a date."""

import re
from datetime import UTC, datetime, timedelta

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


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
