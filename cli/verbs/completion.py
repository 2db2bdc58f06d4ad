"""`omni-relay completion`: the script by which a shell completes the command."""

import click
from click.shell_completion import get_completion_class

from cli.frame import verb

_SHELLS = ("bash", "zsh", "fish")


@verb(
    "completion",
    'eval "$(omni-relay completion bash)"   # in ~/.bashrc',
    'eval "$(omni-relay completion zsh)"    # in ~/.zshrc',
    "omni-relay completion fish > ~/.config/fish/completions/omni-relay.fish",
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script by which your shell completes this command."""
    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(context.find_root().command, {}, "omni-relay", "_OMNI_RELAY_COMPLETE").source())
