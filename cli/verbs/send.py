"""`omni-relay send`: a message to somebody, through the relay."""

from typing import TYPE_CHECKING

import click

from cli.frame import DONE, FOUND, Mistake, prints, verb
from cli.output import Output
from cli.target import Target, targets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo
    from typing import Any


@verb(
    "send",
    'omni-relay send --to "+41 79 302 67 27" --text "A test"',
    'omni-relay send --to ops@example.com --text "On call tomorrow" --scenario incident --at "tomorrow 09:00"',
    'omni-relay send --local --to "+41 79 302 67 27" --text "Only by SMS" --channel sms',
)
@click.option("--to", multiple=True, required=True, help="A phone number or an email address; several are possible.")
@click.option("--text", required=True)
@click.option("--subject", help="Of an email.")
@click.option("--scenario", help="A name under `scenarios`. Not needed if there is only one.")
@click.option("--channel", "channels", multiple=True, help="Only by this channel of the scenario, such as sms.")
@click.option("--at", "when", help='When OMNI shall send it, such as "tomorrow 09:00" or 2h.')
@click.option("--zone", help="The time zone of --at, such as Europe/Zurich. Without it: this machine's.")
@targets
@prints
def command(
    *,
    target: Target,
    out: Output,
    to: tuple[str, ...],
    text: str,
    subject: str | None,
    scenario: str | None,
    channels: tuple[str, ...],
    when: str | None,
    zone: str | None,
) -> int:
    """Send a message through the relay, such as a test to yourself.

    It goes the way of a schedule's message: with the same checks, retries and log lines. The exit code is 3 if OMNI
    refuses it, and it is parked.
    """
    from cli.sending import Words, notification, only_scenario, send

    send_at = _moment(when, zone)
    words = Words(text, subject, channels, send_at)
    notification(to, scenario or "any", words)  # a mistake is told before anything is called
    outcome = send(target, notification(to, scenario or only_scenario(target), words))
    out.data(outcome)
    _show(out, outcome, send_at)
    return FOUND if outcome["outcome"] == "parked" else DONE


def _moment(when: str | None, zone: str | None) -> str | None:
    """Returns the moment as the API takes it. Raises Mistake."""
    from datetime import UTC, datetime

    from cli.times import moment

    if when is None:
        return None
    try:
        return moment(when, datetime.now(UTC), _zone(zone)).isoformat(timespec="seconds")
    except (ValueError, OverflowError) as problem:
        raise Mistake(f"--at: {problem}") from None


def _zone(name: str | None) -> "tzinfo | None":
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Mistake(f"--zone: there is no zone {name}; expected one such as Europe/Zurich") from None


def _show(out: Output, outcome: "Mapping[str, Any]", send_at: str | None) -> None:
    at = f", for {send_at}" if send_at else ""
    out.line(f"{outcome['outcome']}{at}: event {outcome['eventId']}")
    for message in outcome.get("messages", ()):
        status = message["status"]
        out.line(f"  message {message['messageId']}: {status['groupName']} {status['name']}")
    if outcome.get("reason"):
        out.line(f"  {outcome['reason']}", "red")
    if outcome["outcome"] == "queued":
        out.line("  OMNI can't take it now; it is tried again")
