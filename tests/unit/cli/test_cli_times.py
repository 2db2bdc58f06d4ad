"""Moments and lengths of time are read as people write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
import pytest

from cli.times import Length, moment

ZURICH = ZoneInfo("Europe/Zurich")
NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)  # a Tuesday, 15:30 in Zurich


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("18:30", "2026-11-24T18:30+01:00"),
        ("15:30", "2026-11-25T15:30+01:00"),
        ("9:05", "2026-11-25T09:05+01:00"),
        ("today 16:00", "2026-11-24T16:00+01:00"),
        ("tomorrow 09:00", "2026-11-25T09:00+01:00"),
        ("Tomorrow at 09:00", "2026-11-25T09:00+01:00"),
        ("friday 07:30", "2026-11-27T07:30+01:00"),
        ("tuesday 16:00", "2026-11-24T16:00+01:00"),
        ("tuesday 15:00", "2026-12-01T15:00+01:00"),
        ("2027-07-01 09:00", "2027-07-01T09:00+02:00"),
        ("2027-07-01T09:00Z", "2027-07-01T09:00+00:00"),
        ("2h", "2026-11-24T16:30+00:00"),
        ("in 90m", "2026-11-24T16:00+00:00"),
        ("2027-10-31 02:30", "2027-10-31T02:30+02:00"),  # the first of two
    ],
)
def test_a_moment_is_read_in_its_zone(text: str, read: str) -> None:
    assert moment(text, NOW, ZURICH).isoformat(timespec="minutes") == read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("soon", "expected such as"),
        ("", "expected such as"),
        ("24:00", "hour"),
        ("2026-11-24 09:00", "is over"),
        ("today 9:00", "is over"),
        ("2027-03-28 02:30", "the clocks go forward"),
        ("0h", "is over"),
    ],
)
def test_what_is_no_moment_ahead_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        moment(text, NOW, ZURICH)


def test_without_a_zone_it_is_the_machine_s() -> None:
    read = moment("tomorrow 09:00", NOW, None)
    assert (read.hour, read.minute) == (9, 0)
    assert read.utcoffset() == read.replace(tzinfo=None).astimezone().utcoffset()


@pytest.mark.parametrize("text", ["", "2", "h", "0m", "2 weeks", "-1h", "1.5h"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a length"):
        Length().convert(text, None, None)
