"""`omni-relay init`: a relay.yaml of your own."""

import sys
from pathlib import Path

import click

from cli.frame import Mistake, prints, verb
from cli.output import Output


@verb(
    "init",
    'omni-relay init github alertmanager --phone "+41 79 …" --scenario-key AD9E…',
    "omni-relay init --list",
)
@click.argument("senders", nargs=-1)
@click.option("--phone", help="Who gets the messages, with the country code; asked for if it is left out.")
@click.option("--scenario-key", help="OMNI's key of your scenario; asked for if it is left out.")
@click.option("--output", type=click.Path(path_type=Path), default="relay.yaml", show_default=True)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option("--list", "listing", is_flag=True, help="Name the senders, and write nothing.")
@prints
def command(
    *,
    out: Output,
    senders: tuple[str, ...],
    phone: str | None,
    scenario_key: str | None,
    output: Path,
    force: bool,
    listing: bool,
) -> None:
    """Write a relay.yaml for the SENDERS that you choose, with what to set at each.

    The file of this project is a gallery, whose messages go to nobody. Don't push it.
    """
    from cli.senders import configuration, names, sender

    if listing:
        out.data(names())
        for name in names():
            out.line(name)
        return
    if not senders:
        raise Mistake("name at least one sender; --list names them all")
    chosen = [sender(name) for name in dict.fromkeys(senders)]
    if output.exists() and not force:
        raise Mistake(f"{output} is there already: choose another by --output, or replace it by --force")
    text = configuration(chosen, _phone(phone), _asked(scenario_key, "OMNI's key of your scenario", "--scenario-key"))
    _check(text, output)
    output.write_text(text, encoding="utf-8")
    out.data({"written": str(output), "senders": [one.name for one in chosen]})
    out.line(f"{output} is written. Read what it says of each sender, and put the secrets into secrets.yaml:", "green")
    out.line("  sources:")
    for one in chosen:
        out.line(f"    {one.source.partition(':')[0]}: …")
    out.line(f"Then: omni-relay check --config {output} --secrets secrets.yaml")


def _phone(given: str | None) -> str:
    from relay.message.recipients import parse_phone
    from relay.problems import Mistake as Refusal

    phone = _asked(given, "Who gets the messages? A phone number with its country code", "--phone")
    try:
        parse_phone(phone)
    except Refusal as refusal:
        raise Mistake(f"--phone: {refusal.detail}") from None
    return phone


def _asked(given: str | None, question: str, option: str) -> str:
    if given:
        return given
    if not sys.stdin.isatty():
        raise Mistake(f"{option} is missing")
    answer: str = click.prompt(question)
    return answer


def _check(text: str, output: Path) -> None:
    """Raises Mistakes, such as for a key that can't be one."""
    from configuration.files import read_text
    from configuration.parameters import parameters_of

    parameters_of(read_text(text.encode(), output), {}, "/checked")
