"""`omni-relay find`: messages by recipient, event, source, route, state and time."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cli.frame import Mistake, prints, verb
from cli.output import Output
from cli.target import Target, targets
from cli.times import Ago

if TYPE_CHECKING:
    from relay.model.records import Record

_STATES = ("sent", "parked", "delivered", "undelivered", "expired", "rejected", "unreported")


@verb(
    "find",
    'omni-relay find --to "+41 79 302 67 27" --since 7d',
    "omni-relay find --source github --status undelivered",
    "omni-relay find --event 72d3162e-cc78-11e3-81ab-4c9367dc0958 --json",
)
@click.option("--to", help="A phone number or an email address.")
@click.option("--event", help="The event's id.")
@click.option("--source", help="The source's name.")
@click.option("--route", help="The route's name.")
@click.option("--status", type=click.Choice(_STATES), help="Where the message stands.")
@click.option("--since", type=Ago(), default="7d", show_default=True, help="Where to begin, such as 3d or 2026-11-20.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many.")
@targets
@prints
def command(*, target: Target, out: Output, limit: int, since: datetime, **which: str | None) -> None:
    """Find messages, the newest first, with the state that each is in and the channel that carried it.

    Recipients are masked. Without --to, --event and --source the whole table is read. `omni-relay story` tells more of
    a message by its id.
    """
    from cli.finding import Wanted, find
    from relay.ports import RecordsUnavailable

    try:
        found = find(target, Wanted(since, **which), limit)
    except RecordsUnavailable as problem:
        raise Mistake(f"the table of records can't be read: {problem}") from None
    out.data([_shown(record) for record in found])
    titles = ("when (UTC)", "state", "to", "by", "source", "route", "message")
    if found:
        out.table(titles, [_row(record) for record in found])
    else:
        out.line(f"No message since {since:%Y-%m-%d %H:%M} UTC.")


def _row(record: "Record") -> tuple[str, ...]:
    channel = (record.report and record.report.channel) or ""
    to = " ".join(record.to.values())
    return f"{record.at:%Y-%m-%d %H:%M:%S}", record.state, to, channel, record.source, record.route, record.message_id


def _shown(record: "Record") -> dict[str, Any]:
    return record.model_dump(mode="json", exclude={"phone_hash", "email_hash", "told", "awaited", "unless_delivered"})
