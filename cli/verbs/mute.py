"""`omni-relay mute`: silences a source or a route for a while."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from cli.frame import prints, verb
from cli.output import Output
from cli.target import Target, targets
from cli.times import Length

if TYPE_CHECKING:
    from cli.muting import Mute


@verb(
    "mute",
    "omni-relay mute alertmanager --for 2h",
    "omni-relay mute github/release --for 30m",
    "omni-relay mute   # what is muted",
)
@click.argument("what", metavar="[SOURCE[/ROUTE]]", required=False)
@click.option(
    "--for", "length", type=Length(), default="1h", show_default=True, help="How long, such as 90m, 2h or 3d."
)
@targets
@prints
def command(*, target: Target, out: Output, what: str | None, length: timedelta) -> None:
    """Silence a source, or one of its routes, for a while. It ends by itself.

    Its events are verified and logged as muted, get 200, and make no message, now or later. What was queued or parked
    before is sent. Functions see the mute within ConfigTtlSeconds. `muted: true` in relay.yaml mutes for good.
    """
    from cli.muting import Mute, Mutes

    mutes = Mutes(target.client("ssm"), target.prefix)
    if what is None:
        _show(out, [mute for mute in mutes.all() if mute.lasts])
        return
    until = (datetime.now(UTC) + length).replace(microsecond=0)
    mutes.set(what, until)
    out.data([_summary(Mute(what, until))])
    out.line(f"{what} is muted until {_local(until)}; functions see it within ConfigTtlSeconds")


def _show(out: Output, mutes: "list[Mute]") -> None:
    out.data([_summary(mute) for mute in mutes])
    for mute in mutes:
        out.line(f"{mute.what} is muted until {_local(mute.until)}")
    if not mutes:
        out.line("nothing is muted")


def _summary(mute: "Mute") -> dict[str, str | None]:
    return {"what": mute.what, "until": mute.until.isoformat() if mute.until else None}


def _local(until: datetime | None) -> str:
    return f"{until.astimezone():%Y-%m-%d %H:%M %Z}" if until else "never"
