"""The operator's command: `make push` writes the configuration, `make replay` puts parked items back."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from tqdm import tqdm

from cli.push import Changes, apply, changes
from cli.replay import DeadLetters, Entry, Selection, replay
from configuration.files import Unreadable, read_yaml
from configuration.parameters import Mistakes, parameters_of
from relay.model.items import Parked, Reason
from relay.ports import QueueUnavailable

_PATIENT = Config(retries={"mode": "adaptive", "total_max_attempts": 10})  # SSM takes few writes a second


_HINTS = {
    "base-url": "nothing can be sent; give --omni-base-url once",
    "authorization": "nothing can be sent; set OMNI_AUTHORIZATION once",
    "secrets": "this source refuses everything; give --secrets once",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit code: 0 done, 1 AWS refused, 2 a mistake in a file or an option."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return command(parsed)
    except (Mistakes, Unreadable) as problem:
        print(problem, file=sys.stderr)
        return 2
    except NoRegionError as problem:
        print(f"AWS: {problem} Set AWS_DEFAULT_REGION, such as eu-central-1.", file=sys.stderr)
        return 1
    except (ClientError, BotoCoreError, QueueUnavailable) as problem:
        print(f"AWS: {problem}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cli", description="The operator's command of the OMNI relay.")
    commands = parser.add_subparsers(required=True)
    pushing = commands.add_parser("push", help="write relay.yaml and secrets into SSM Parameter Store")
    pushing.add_argument("--stage", type=_stage, default="dev", help="the deployed stack's Stage (default: dev)")
    pushing.add_argument("--config", type=Path, default=Path("relay.yaml"))
    pushing.add_argument("--secrets", type=Path, help="YAML: sources: {name: secret, or a list while rotating}")
    pushing.add_argument("--omni-base-url", help="such as https://api.infobip.com")
    pushing.add_argument(
        "--kms-key-id",
        help="your own key: all secrets of this push are written with it, changed or not; needed at each push"
        " (default: aws/ssm)",
    )
    pushing.add_argument("--dry-run", action="store_true", help="say what would change")
    pushing.epilog = "The account's Authorization header value is taken from the variable OMNI_AUTHORIZATION."
    pushing.set_defaults(command=_push)
    replaying = commands.add_parser("replay", help="put what is parked back on the queue")
    replaying.add_argument("--stack", default="omni-relay", help="the CloudFormation stack (default: omni-relay)")
    replaying.add_argument("--queue-url", help="instead of the stack's output")
    replaying.add_argument("--dead-letter-queue-url", help="instead of the stack's output")
    replaying.add_argument("--source", help="only what came from this source")
    replaying.add_argument("--reason", type=Reason, choices=list(Reason), help="only what is parked for this reason")
    replaying.add_argument("--dry-run", action="store_true", help="list it, and leave it where it is")
    replaying.set_defaults(command=_replay)
    return parser


def _stage(text: str) -> str:
    """Takes what template.yaml's parameter `Stage` takes."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", text):
        raise argparse.ArgumentTypeError("expected lower-case letters, digits and hyphens, 20 at most")
    return text


def _push(options: argparse.Namespace) -> int:
    prefix = f"/omni-relay/{options.stage}"
    wanted = parameters_of(
        read_yaml(options.config),
        read_yaml(options.secrets) if options.secrets else {},
        prefix,
        omni_base_url=options.omni_base_url,
        omni_authorization=os.environ.get("OMNI_AUTHORIZATION"),
    )
    client = boto3.client("ssm", config=_PATIENT)
    planned = changes(client, prefix, wanted, encrypts_anew=bool(options.kms_key_id))
    _show(planned)
    if not options.dry_run:
        apply(client, planned, options.kms_key_id)
    verb = "would be " if options.dry_run else ""
    print(
        f"{len(planned.written)} {verb}written, {len(planned.deleted)} {verb}deleted, {planned.unchanged} unchanged;"
        " functions see it within ConfigTtlSeconds"
    )
    return 0


def _show(planned: Changes) -> None:
    for parameter in planned.written:
        print(f"write   {parameter.name} ({parameter.type})")
    for name in planned.deleted:
        print(f"delete  {name}")
    for name in planned.missing:
        print(f"missing {name}: {_HINTS.get(name.rpartition('/')[2], '')}", file=sys.stderr)


def _replay(options: argparse.Namespace) -> int:
    outputs: Callable[[str], Any] = _Outputs(options.stack)
    letters = DeadLetters(
        boto3.client("sqs"),
        options.queue_url or outputs("QueueUrl"),
        options.dead_letter_queue_url or outputs("DeadLetterQueueUrl"),
    )
    verb = "would go back" if options.dry_run else "goes back"
    with tqdm(total=len(letters), unit="item", file=sys.stderr, disable=None) as bar:

        def show(entry: Entry, goes: bool) -> None:
            bar.update()
            parked = entry.parked
            bar.write(
                f"{verb if goes else 'stays'}: {_origin(parked)}: {parked.reason}"
                f" ({parked.attempts} attempts, {parked.first_attempt_at:%Y-%m-%d %H:%M} to"
                f" {parked.last_attempt_at:%Y-%m-%d %H:%M} UTC): {parked.detail}",
                file=sys.stdout,
            )

        tally = replay(letters, Selection(options.source, options.reason), dry_run=options.dry_run, show=show)
    print(f"{tally.replayed} {'would be ' if options.dry_run else ''}replayed, {tally.left} left")
    return 0


def _origin(parked: Parked) -> str:
    """Gives the words by which the item's log lines are found."""
    if parked.dispatch:
        return f"{parked.source} {parked.dispatch.event_id}, route {parked.dispatch.route}"
    return f"{parked.source} {parked.event.id}" if parked.event else "(unknown source)"


class _Outputs:
    """Gives the stack's outputs by key, and reads them when one is needed. Raises Mistakes for one that isn't there."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._values: dict[str, str] | None = None

    def __call__(self, key: str) -> str:
        if self._values is None:
            stack = boto3.client("cloudformation").describe_stacks(StackName=self._stack)["Stacks"][0]
            self._values = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
        if key not in self._values:
            hint = "give --stack the relay's own, or its queues by --queue-url and --dead-letter-queue-url"
            raise Mistakes([f"stack {self._stack} has no output {key}; {hint}"])
        return self._values[key]


if __name__ == "__main__":
    sys.exit(main())
