"""`omni-relay unmute`: ends a mute before its time."""

import click

from cli.frame import prints, verb
from cli.output import Output
from cli.target import Target, targets


@verb("unmute", "omni-relay unmute alertmanager", "omni-relay unmute github/release")
@click.argument("what", metavar="SOURCE[/ROUTE]")
@targets
@prints
def command(*, target: Target, out: Output, what: str) -> None:
    """End the mute of a source or a route before its time.

    Mutes of the source's routes stay, if SOURCE alone is given.
    """
    from cli.muting import Mutes

    mutes = Mutes(target.client("ssm"), target.prefix)
    was_muted = mutes.end(what)
    out.data({"what": what, "was_muted": was_muted})
    out.line(f"{what} is heard again; functions see it within ConfigTtlSeconds" if was_muted else f"{what} isn't muted")
    for mute in mutes.all():
        if mute.lasts and mute.what.startswith(f"{what}/"):
            out.remark(f"{mute.what} is still muted: omni-relay unmute {mute.what}")
