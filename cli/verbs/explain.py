"""`omni-relay explain`: what the relay does with an event, and why. Nothing is sent."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.frame import Mistake, prints, verb
from cli.output import Output
from cli.target import Target, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.events import Found
    from cli.explaining import Explaining


@verb(
    "explain",
    "omni-relay explain github-release",
    "omni-relay explain alert.json --source alertmanager",
    "omni-relay explain release.json --source github --header 'X-GitHub-Event: release'",
    "omni-relay explain 03d8ccf9-c62b-591e-9836-35178dd32f0d --deployed   # the id of something parked",
)
@click.argument("event")
@click.option("--source", help="The file holds only a body, for this source. Its signature isn't looked at.")
@click.option("--header", "headers", multiple=True, help="Beside --source: a header that routes look at.")
@click.option("--config", type=click.Path(path_type=Path), help="Instead of relay.yaml.")
@click.option("--secrets", type=click.Path(path_type=Path), help="Instead of secrets.local.yaml, if that is there.")
@click.option("--deployed", is_flag=True, help="Explain by what the stack has in SSM instead of relay.yaml.")
@targets
@prints
def command(
    *,
    target: Target,
    out: Output,
    event: str,
    source: str | None,
    headers: tuple[str, ...],
    config: Path | None,
    secrets: Path | None,
    deployed: bool,
) -> None:
    """Say what the relay does with an event, and why. Nothing is sent.

    EVENT is the name of a file in events/, any JSON file, - for standard input, or the id of what is parked: of its
    event, its dispatch or one of its messages. It says how the event is verified, what each route compared with what,
    what each channel would say and how many segments that has as an SMS, and gives the exact request to OMNI.
    """
    from dataclasses import asdict

    from cli.explanations import show

    explaining = _explaining(target, config, secrets, deployed=deployed)
    found = _found(target, event, source, headers)
    explanations = [one for each in found for one in explaining(each)]
    out.data([asdict(one) for one in explanations])
    for one in explanations:
        show(out, event, one)


def _explaining(target: Target, config: Path | None, secrets: Path | None, *, deployed: bool) -> "Explaining":
    from cli.explaining import by_files, by_target

    if deployed:
        return by_target(target)
    if target.run is not None and config is None:
        config, known = Path(target.run["config"]), target.run["secrets"]
        secrets = secrets or (Path(known) if known else None)
    return by_files(config or Path("relay.yaml"), secrets)


def _found(target: Target, event: str, source: str | None, headers: tuple[str, ...]) -> "Sequence[Found]":
    from cli.events import body, file_of, is_gateway_event, read

    file = file_of(event)
    if file is None:
        return [_parked(target, event)]
    return [body(file, source, headers)] if source and not is_gateway_event(file) else read(file)


def _parked(target: Target, identity: str) -> "Found":
    from cli.events import parked
    from cli.replaying import dead_letters

    if "/" in identity or identity.endswith(".json"):
        raise Mistake(f"there is no file {identity}")
    item = parked(dead_letters(target), identity)
    if item is None or not (item.event or item.dispatch):
        raise Mistake(f"{identity} is no event in events/, and nothing that is parked has this id")
    return item
