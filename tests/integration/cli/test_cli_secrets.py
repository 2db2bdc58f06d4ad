"""A secret rotates in two steps, and the old one goes only when the log lines show that it isn't used any more."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
import yaml

from tests.integration.cli.conftest import Command

Parameters = Callable[[], dict[str, tuple[str, str]]]
PUSH = ("push", "--yes", "--secrets", "secrets.yaml", "--omni-base-url", "https://api.example.com")


@pytest.fixture
def pushed(omni_relay: Command) -> Command:
    sources = {"github": {"verify": "github"}, "stripe": {"verify": "stripe"}}
    (omni_relay.folder / "relay.yaml").write_text(yaml.safe_dump({"sources": sources}))
    (omni_relay.folder / "secrets.yaml").write_text("sources: {github: old-secret, stripe: whsec_old}\n")
    assert omni_relay(*PUSH).code == 0
    return omni_relay


def log(*positions: int) -> None:
    """Writes a webhook's line for each use of a secret."""
    logs, group = boto3.client("logs"), "/aws/lambda/omni-relay/webhook"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="one")
    now = datetime.now(UTC).isoformat()
    lines = [
        {"message": "event_received", "timestamp": now, "source": "github", "outcome": "sent", "proved_by": position}
        for position in positions
    ]
    events: Any = [{"timestamp": int(time.time() * 1000), "message": json.dumps(line)} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)


def test_a_rotation_adds_a_secret_and_drops_the_old_one_once_only_the_new_one_is_used(
    pushed: Command, parameters: Parameters
) -> None:
    begun = pushed("secrets", "rotate", "github")
    new = begun.out.splitlines()[0].removeprefix("The new secret, to be set at the sender: ")
    assert json.loads(parameters()["sources/github/secrets"][1]) == [new, "old-secret"]
    assert len(new) == 43

    too_early = pushed("secrets", "rotate", "github", "--finish")
    assert (too_early.code, "used 0 times, the old one 0 times" in too_early.out) == (3, True)
    log(2, 2, 1)
    still_used = pushed("secrets", "rotate", "github", "--finish")
    assert (still_used.code, "used 1 times, the old one 2 times" in still_used.out) == (3, True)
    assert json.loads(parameters()["sources/github/secrets"][1]) == [new, "old-secret"]

    assert pushed("secrets", "rotate", "github", "--finish", "--force").code == 0
    assert parameters()["sources/github/secrets"] == ("SecureString", new)


def test_the_old_secret_goes_without_force_if_it_is_out_of_use(pushed: Command, parameters: Parameters) -> None:
    pushed("secrets", "rotate", "github", "--new", "-", code=STDIN)
    log(1, 1)
    finished = pushed("secrets", "rotate", "github", "--finish")
    assert (finished.code, finished.out.splitlines()[-1]) == (0, "github has only the new secret now.")
    assert parameters()["sources/github/secrets"] == ("SecureString", "from-stdin")


STDIN = "import io, sys, cli.app; sys.stdin = io.StringIO('from-stdin\\n'); sys.exit(cli.app.main(sys.argv[1:]))"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("githbu",), "omni-relay has no source githbu. Did you mean github?"),
        (("stripe",), "stripe makes its own secret: give it by --new FILE"),
        (("github", "--finish"), "source github has one secret: nothing rotates"),
        (("omni",), "OMNI_AUTHORIZATION"),
    ],
)
def test_what_can_not_rotate_is_told(pushed: Command, arguments: tuple[str, ...], words: str) -> None:
    run = pushed("secrets", "rotate", *arguments)
    assert (run.code, run.out) == (2, "")
    assert words in run.err


def test_omni_s_key_is_replaced(pushed: Command, parameters: Parameters) -> None:
    assert pushed("secrets", "rotate", "omni", OMNI_AUTHORIZATION="App new-key").code == 0
    assert parameters()["omni/authorization"] == ("SecureString", "App new-key")
    wrong = pushed("secrets", "rotate", "omni", OMNI_AUTHORIZATION="new-key")
    assert (wrong.code, "new-key" in wrong.err) == (2, False)
