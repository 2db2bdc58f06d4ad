"""`omni-relay check`: every mistake in relay.yaml and its secrets, at once."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.frame import DONE, FOUND, prints, verb
from cli.output import Output

if TYPE_CHECKING:
    from configuration.mistakes import Mistake


@verb(
    "check",
    "omni-relay check",
    "omni-relay check --config other.yaml --secrets secrets.yaml",
    "omni-relay check --json",
)
@click.option("--config", type=click.Path(path_type=Path), default="relay.yaml", show_default=True)
@click.option("--secrets", type=click.Path(path_type=Path), help="YAML: sources: {name: secret, or a list of them}.")
@prints
def command(*, out: Output, config: Path, secrets: Path | None) -> int:
    """Name every mistake in relay.yaml at once, each with its place and what was expected.

    Nothing is called. Without --secrets, a missing secret isn't noticed.
    """
    from configuration.check import check

    found = check(config, secrets)
    out.data([asdict(one) for one in found])
    show(out, found)
    if not found:
        out.line(f"{config}: no mistake", "green")
    if secrets is None:
        out.remark("The secrets weren't checked: name their file by --secrets.")
    return FOUND if found else DONE


def show(out: Output, found: Sequence["Mistake"]) -> None:
    """Prints each mistake in a line, with its place first, as editors take it."""
    for one in found:
        problem = f"{one.problem}. Did you mean {one.meant}?" if one.meant else one.problem
        out.pieces((one.place, "bold"), (one.where, "cyan"), (problem, ""), joint=": ")
    if found:
        out.line(f"{len(found)} mistake{'s' if len(found) > 1 else ''}", "red")
