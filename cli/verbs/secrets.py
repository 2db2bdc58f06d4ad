"""`omni-relay secrets`: rotates a sender's secret, or OMNI's key."""

import os
from typing import TYPE_CHECKING, TextIO

import click

from cli.frame import FOUND, Mistake, prints, verb
from cli.output import Output
from cli.target import Target, targets

if TYPE_CHECKING:
    from cli.rotation import Rotation

_OMNI = "omni"


@click.group(
    "secrets",
    epilog="\b\nExamples:\n  omni-relay secrets rotate github\n  omni-relay secrets rotate github --finish",
)
def command() -> None:
    """Rotate a sender's secret, or OMNI's key, without losing an event."""


@verb(
    "rotate",
    "omni-relay secrets rotate github                 # prints a new secret; the old one still works",
    "omni-relay secrets rotate stripe --new FILE      # one that the sender made",
    "omni-relay secrets rotate github --finish        # drops the old one, once only the new one is used",
    "OMNI_AUTHORIZATION='App …' omni-relay secrets rotate omni",
)
@click.argument("source")
@click.option("--new", type=click.File(), help="A file with the new secret; - is standard input. [default: made here]")
@click.option("--finish", is_flag=True, help="Drop the old secret.")
@click.option("--force", is_flag=True, help="Drop it even if it is still used, or if nothing has come since.")
@click.option("--kms-key-id", help="Your own key, if the secrets are written with it.")
@targets
@prints
def rotate(
    *, target: Target, out: Output, source: str, new: TextIO | None, finish: bool, force: bool, kms_key_id: str | None
) -> int | None:
    """Rotate the secret of SOURCE in two steps: add a new one, then, with --finish, drop the old one.

    In between both work. The log line of each webhook says by its number which of them was used, and --finish counts
    these. `omni` is OMNI's key, which is replaced in one step.
    """
    from cli.rotation import rotation_of

    given = new.read().strip() if new else None
    if new and not given:
        raise Mistake("the new secret is empty")
    if source == _OMNI:
        _replace_omni(target, out, given or os.environ.get("OMNI_AUTHORIZATION"), kms_key_id)
        return None
    rotation = rotation_of(target, source, kms_key_id)
    if finish:
        return _finish(target, out, rotation, force=force)
    made = rotation.begin(given)
    out.data({"source": source, "secret": None if given else made})
    if not given:
        out.line(f"The new secret, to be set at the sender: {made}", "bold")
    out.line(
        f"Both secrets of {source} work once ConfigTtlSeconds have passed. Set the new one at the sender then, and"
    )
    out.line(f"end by: omni-relay secrets rotate {source} --finish")
    return None


command.add_command(rotate)


def _finish(target: Target, out: Output, rotation: "Rotation", *, force: bool) -> int | None:
    if not rotation.is_under_way:
        raise Mistake(f"source {rotation.source} has one secret: nothing rotates")
    uses = rotation.uses(target)
    new, old = uses[1], sum(count for position, count in uses.items() if position > 1)
    refused = not force and (old > 0 or new == 0)
    out.data({"source": rotation.source, "newUsed": new, "oldUsed": old, "finished": not refused})
    out.line(
        f"Since {rotation.written_at:%Y-%m-%d %H:%M} the new secret was used {new} times, the old one {old} times."
    )
    if refused:
        out.line("The old one stays: set the new one at the sender and wait for an event, or give --force.", "yellow")
        return FOUND
    rotation.finish()
    out.line(f"{rotation.source} has only the new secret now.", "green")
    return None


def _replace_omni(target: Target, out: Output, given: str | None, kms_key_id: str | None) -> None:
    from cli.pushing import Store
    from configuration.parameters import Parameter
    from omni.authorization import InvalidAuthorization, checked_authorization

    if not given:
        raise Mistake("give the header's value by --new FILE, or by the variable OMNI_AUTHORIZATION")
    try:
        value = checked_authorization(given)
    except InvalidAuthorization as mistake:
        raise Mistake(f"OMNI's authorization: {mistake}") from None
    store = Store(target.client("ssm"), target.prefix, kms_key_id)
    store.write(Parameter("omni/authorization", "SecureString", value))
    out.data({"source": _OMNI})
    out.line("OMNI's authorization is replaced. Revoke the former key once ConfigTtlSeconds have passed.")
