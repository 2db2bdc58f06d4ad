"""`omni-relay scenarios`: OMNI's scenarios beside ours, and those of relay.yaml written to OMNI."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.frame import DONE, FOUND, Mistake, prints, verb
from cli.output import Output
from cli.target import Target, targets

if TYPE_CHECKING:
    from cli.scenarios import Pair

_CONFIG = click.option("--config", type=click.Path(path_type=Path), default="relay.yaml", show_default=True)


@click.group("scenarios", epilog="\b\nExamples:\n  omni-relay scenarios list\n  omni-relay scenarios apply --yes")
def command() -> None:
    """List OMNI's scenarios beside those of relay.yaml, and write these to OMNI."""


@verb("list", "omni-relay scenarios list", "omni-relay scenarios list --local --json")
@_CONFIG
@targets
@prints
def listed(*, target: Target, out: Output, config: Path) -> int:
    """List each scenario with its key and its channels, and say where relay.yaml and OMNI differ.

    The exit code is 3 if a key isn't known to OMNI, or if a flow differs.
    """
    from cli.scenarios import account_of, pairs

    found = pairs(config, account_of(target))
    out.data([pair.shown() for pair in found])
    rows = [(pair.name, pair.key, pair.theirs_told, pair.verdict) for pair in found]
    if not out.as_json:
        out.table(("scenario", "key", "OMNI tries", ""), rows)
    return FOUND if any(pair.wrong for pair in found) else DONE


@verb("apply", "omni-relay scenarios apply", "omni-relay scenarios apply --yes")
@_CONFIG
@click.option("--yes", is_flag=True, help="Don't ask.")
@targets
@prints
def applied(*, target: Target, out: Output, config: Path, yes: bool) -> int:
    """Create the scenarios whose flow stands in relay.yaml without a key, and update those that differ.

    OMNI makes the key of a new scenario. It is printed, and belongs into relay.yaml.
    """
    from cli.scenarios import account_of, apply, pairs

    account = account_of(target)
    due = [pair for pair in pairs(config, account) if pair.due]
    for pair in due:
        out.pieces(("update" if pair.key else "create", "yellow"), (pair.name, "bold"), (pair.ours_told, ""), joint=" ")
    if due and not yes and not click.confirm("Write them to OMNI?", err=True):
        raise Mistake("nothing was written")
    made = [(pair, apply(pair, account)) for pair in due]
    for pair, key in made:
        _say(out, pair, key)
    if not due:
        out.line("Nothing to do: each flow in relay.yaml is OMNI's.", "green")
    out.data([{"scenario": pair.name, "key": key, "created": not pair.key} for pair, key in made])
    return DONE


def _say(out: Output, pair: "Pair", key: str) -> None:
    out.pieces(("updated" if pair.key else "created", "green"), (pair.name, "bold"), (key, ""), joint=" ")
    if not pair.key:
        out.remark(f"Add to scenario {pair.name} in relay.yaml: key: {key}")


for _verb in (listed, applied):
    command.add_command(_verb)
