"""Writes docs/cli.md from the command itself: `python -m cli.reference > docs/cli.md`."""

from collections.abc import Iterator

import click

from cli.app import VERBS, omni_relay

_WIDTH = 100

_INTRODUCTION = """\
# The command `omni-relay`

This page is made from the command's own help by `python -m cli.reference > docs/cli.md`.

Any make verb installs the command in `.venv/bin`. `pipx install .` or `uv tool install .` installs it for you.
`omni-relay completion bash` (or `zsh`, `fish`) prints the script by which your shell completes it.

A verb works on the CloudFormation stack `omni-relay`, on the one that `--stack` or the variable `OMNI_RELAY_STACK`
names, with the credentials of `--profile` in `--region`; or with `--local` on the stack that `make run` runs on this
machine.
With `--json` it prints one JSON value. Colours show on a terminal only, and never if `NO_COLOR` is set.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | AWS refused, or can't be reached |
| 2 | a mistake in a file or an option |
| 3 | a check found something |
"""


def pages() -> Iterator[str]:
    """Gives the page in parts: the introduction, and each verb's help in its group."""
    yield _INTRODUCTION
    context = click.Context(omni_relay, info_name="omni-relay", max_content_width=_WIDTH, terminal_width=_WIDTH)
    for group, names in VERBS.items():
        yield f"\n## {group}\n"
        for name in names:
            command = omni_relay.get_command(context, name)
            if command is not None:
                yield from _of(command, context, name)


def _of(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, parent=parent, info_name=name, help_option_names=["-h", "--help"])
    yield f"\n### {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                yield from _of(found, context, inner)


if __name__ == "__main__":
    click.echo("".join(pages()), nl=False)
