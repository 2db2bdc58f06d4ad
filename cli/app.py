"""The command `omni-relay`: its verbs in groups, and the boundary where errors become messages and exit codes."""

from collections.abc import Sequence
from importlib import import_module

import click

from cli.frame import DONE, MISTAKE, REFUSED

VERBS = {
    "Configuration": (
        "init",
        "check",
        "preview",
        "plan",
        "push",
        "history",
        "diff",
        "rollback",
        "secrets",
        "schedules",
    ),
    "What happens": ("tail", "find", "story", "explain", "send", "mute", "unmute", "doctor"),
    "OMNI": ("scenarios",),
    "Parked items": ("parked", "replay"),
    "This command": ("completion",),
}
_NAMES = [name for names in VERBS.values() for name in names]
_INTERRUPTED = 130  # as shells report it
_REMEDIES = {  # of AWS's error codes
    "ExpiredToken": "log in again, such as with: aws sso login",
    "ExpiredTokenException": "log in again, such as with: aws sso login",
    "InvalidClientTokenId": "these credentials aren't valid; choose others by --profile",
    "UnrecognizedClientException": "these credentials aren't valid; choose others by --profile",
    "AccessDenied": "these credentials may not do that; choose others by --profile, or ask for the permission",
    "AccessDeniedException": "these credentials may not do that; choose others by --profile, or ask for the permission",
    "ValidationError": "name the relay's stack by --stack, and its account and region by --profile and --region",
}
_OF_THE_SESSION = {  # botocore's errors without an answer of AWS
    "NoRegionError": "give --region, such as eu-central-1, or set AWS_DEFAULT_REGION",
    "NoCredentialsError": "log in, or choose credentials by --profile",
    "ProfileNotFound": "choose another by --profile",
    "EndpointConnectionError": "is this machine online, and is the region right?",
}


class _Verbs(click.Group):
    """Finds a verb by importing its file. Help lists the verbs in their groups."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return _NAMES

    def get_command(self, _context: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _NAMES:
            return None
        command: click.Command = import_module(f"cli.verbs.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"{error.message}{_near(args[0], _NAMES)}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, _NAMES))
        for group, names in VERBS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name.ljust(width), command.get_short_help_str(100)) for name, command in commands if command]
            with formatter.section(group):
                formatter.write_dl(rows)


def _near(word: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, names, 1)
    return f" Did you mean {near[0]}?" if near else ""


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Exit codes: 0 done, 1 AWS refused, 2 a mistake in a file or an option, 3 a check found something.",
)
@click.version_option(package_name="omni-relay", prog_name="omni-relay")
def omni_relay() -> None:
    """Runs an OMNI relay: checks and pushes its configuration, and says what became of events and messages.

    A verb works on the CloudFormation stack `omni-relay`, on the one that --stack names, or with --local on the stack
    that `make run` runs on this machine.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit code: 0 done, 1 AWS refused, 2 a mistake, 3 the check found something."""
    try:
        code = omni_relay.main(arguments, prog_name="omni-relay", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return _INTERRUPTED
    except Exception as error:
        code = _said(error)
        if code is None:
            raise
    return code if isinstance(code, int) else DONE


def _said(error: Exception) -> int | None:
    """Says what a user or AWS caused, and gives its exit code. None means a bug of ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    from configuration.files import Unreadable
    from configuration.mistakes import Mistakes
    from relay.ports import QueueUnavailable

    if isinstance(error, ClientError):
        remedy = _REMEDIES.get(error.response["Error"].get("Code", ""))
    elif isinstance(error, BotoCoreError):
        remedy = _OF_THE_SESSION.get(type(error).__name__)
    elif isinstance(error, QueueUnavailable):
        remedy = None
    elif isinstance(error, (Mistakes, Unreadable)):
        click.echo(str(error), err=True)
        return MISTAKE
    else:
        return None
    click.echo(f"AWS: {error}{f' ({remedy})' if remedy else ''}", err=True)
    return REFUSED
