"""Plan, push, history, diff and rollback as a person sees them; races and deaths lose nothing."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from tests.integration.cli.conftest import Command
from tests.support.moto_stack import create_stack

pytestmark = pytest.mark.slow  # each test starts the command several times, a second each
Parameters = Callable[[], dict[str, tuple[str, str]]]
ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "{{ body.text }} failed"}
CONFIG: dict[str, Any] = {
    "scenarios": {"incident": "KEY-1"},
    "sources": {
        "github": {"verify": "github", "routes": {"release": ROUTE, "broken": ROUTE}},
        "ci": {"verify": "bearer", "routes": {"failed": ROUTE}},
    },
}
SECRETS = {"sources": {"github": "github-secret", "ci": "ci-secret"}}
PUSH = ("push", "--yes", "--secrets", "secrets.yaml", "--omni-base-url", "https://api.example.com")
# Makes the command die, or wait, before its third parameter is written.
DIES = """
import os, signal, sys, cli.app, cli.pushing
write, written = cli.pushing.Store.write, []
def dying(store, parameter):
    if len(written) == 2:
        {then}
    written.append(write(store, parameter))
cli.pushing.Store.write = dying
sys.exit(cli.app.main(sys.argv[1:]))
"""
WAITS = DIES.format(
    then="open('waiting', 'w').close()\n        import time\n        while not os.path.exists('go'): time.sleep(0.05)"
)


def changed(config: Any, *path: str, to: Any) -> Any:
    """The configuration with the part at `path` replaced, or taken away if `to` is None."""
    first, *rest = path
    inner = changed(config[first], *rest, to=to) if rest else to
    return {
        **{key: value for key, value in config.items() if key != first},
        **({} if inner is None else {first: inner}),
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    def files(config: Any = CONFIG, secrets: Any = SECRETS) -> None:
        (tmp_path / "relay.yaml").write_text(yaml.safe_dump(config))
        (tmp_path / "secrets.yaml").write_text(yaml.safe_dump(secrets))

    files()
    return files


def test_a_plan_shows_each_value_that_changes_and_deletions_first(
    omni_relay: Command, write: Callable[..., None]
) -> None:
    assert omni_relay(*PUSH).code == 0
    new = changed(CONFIG, "sources", "github", "routes", "release", "text", to="{{ body.name }} is out")
    new = changed(new, "sources", "github", "routes", "broken", to=None)
    write(changed(new, "scenarios", "night", to="KEY-2"), {"sources": {"github": "another-secret"}})
    run = omni_relay("plan", "--secrets", "secrets.yaml")
    assert (run.code, run.out.splitlines(), run.err) == (
        0,
        [
            "DELETE  source github, route broken",
            '        - scenario: "incident"',
            '        - text: "{{ body.text }} failed"',
            '        - to: [{"phone": "+41793026727"}]',
            "add     scenario night",
            "        + KEY-2",
            "change  source github, route release",
            '        - text: "{{ body.text }} failed"',
            '        + text: "{{ body.name }} is out"',
            "change  source github, secrets",
            "          changed",
            "1 to delete, 2 to change, 1 to add, 7 unchanged in omni-relay",
        ],
        "missing OMNI's authorization: nothing can be sent; set OMNI_AUTHORIZATION once\n",
    )
    data = json.loads(omni_relay("plan", "--secrets", "secrets.yaml", "--json").out)
    assert data["changes"][0].items() >= {"kind": "delete", "what": "source github, route broken"}.items()
    assert data["after"] == 1
    assert "another-secret" not in json.dumps(data)


def test_a_push_asks_on_a_terminal_and_shows_colours_there_only(
    omni_relay: Command, write: Callable[..., None], parameters: Parameters
) -> None:
    without_yes = [word for word in PUSH if word != "--yes"]
    refused = omni_relay.on_terminal(*without_yes, answer="n")
    assert refused.code == 130
    assert "Push to omni-relay? [y/N]" in refused.out
    assert "\x1b[32madd     source ci" in refused.out
    assert parameters() == {}
    plain = omni_relay.on_terminal(*without_yes, answer="y", NO_COLOR="1")
    assert plain.code == 0
    assert "Pushed as 1" in plain.out
    assert "\x1b[3" not in plain.out
    assert "sources/ci/settings" in parameters()


def test_a_push_without_anybody_to_answer_needs_yes(omni_relay: Command, write: Callable[..., None]) -> None:
    run = omni_relay("push")
    assert (run.code, "give --yes" in run.err) == (2, True)


def test_secrets_of_a_source_that_goes_are_deleted_only_by_their_own_word(
    omni_relay: Command, write: Callable[..., None], parameters: Parameters
) -> None:
    omni_relay(*PUSH)
    write(changed(CONFIG, "sources", "ci", to=None), {})
    assert omni_relay("push", "--yes").code == 0
    assert parameters()["sources/ci/secrets"] == ("SecureString", "ci-secret")
    write()
    omni_relay(*PUSH)
    write(changed(CONFIG, "sources", "ci", to=None), {})
    run = omni_relay("push", "--yes", "--delete-secrets")
    assert "DELETE  source ci, secrets\n          deleted" in run.out
    assert "sources/ci/secrets" not in parameters()


def test_what_others_keep_under_the_prefix_stays(
    omni_relay: Command, write: Callable[..., None], parameters: Parameters
) -> None:
    omni_relay(*PUSH)
    for name in ("stack", "sources/ci/mute"):
        boto3.client("ssm").put_parameter(Name=f"/omni-relay/dev/{name}", Value="x", Type="String")
    token = parameters()["reports/token"]
    assert omni_relay(*PUSH).out.endswith("Nothing to change.\n")
    assert {"stack", "sources/ci/mute"} <= parameters().keys()
    assert parameters()["reports/token"] == token
    assert len(token[1]) == 43
    assert len(bytes.fromhex(parameters()["records/key"][1])) == 32


def test_the_history_says_who_when_from_which_commit_and_why(
    omni_relay: Command, write: Callable[..., None], tmp_path: Path
) -> None:
    git = ("git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@example.com")
    for arguments in (("init", "-q"), ("add", "relay.yaml"), ("commit", "-q", "-m", "first")):
        subprocess.run([*git, *arguments], check=True)
    omni_relay(*PUSH, "-m", "the first")
    write(changed(CONFIG, "scenarios", "incident", to="KEY-2"))
    omni_relay(*PUSH)
    head, last, first = omni_relay("history").out.splitlines()
    assert head.split() == ["push", "at", "(UTC)", "by", "commit", "changes", "why"]
    commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True)
    assert first.split()[0] == "1"
    assert commit.stdout.strip() in first.split()
    assert f"{commit.stdout.strip()}+" in last.split()
    assert first.endswith("-0 ~0 +12  the first")
    assert "arn:aws:sts::" in first
    assert [one["number"] for one in json.loads(omni_relay("history", "--json").out)] == [2, 1]
    assert omni_relay("diff").out == "change  scenario incident\n        - KEY-1\n        + KEY-2\n"
    assert omni_relay("diff", "1", "2").out == omni_relay("diff", "2").out


def test_a_change_by_hand_is_seen_by_a_diff_with_now(omni_relay: Command, write: Callable[..., None]) -> None:
    omni_relay(*PUSH)
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/omni-relay/dev/scenarios/incident", Value="BY-HAND", Type="String", Overwrite=True)
    assert omni_relay("diff", "1", "now").out == "change  scenario incident\n        - KEY-1\n        + BY-HAND\n"


@pytest.mark.parametrize("pushes", [("9",), ("1", "9"), ("yesterday",)])
def test_a_push_that_is_not_there_is_named(
    omni_relay: Command, write: Callable[..., None], pushes: tuple[str, ...]
) -> None:
    omni_relay(*PUSH)
    run = omni_relay("diff", *pushes)
    assert run.code == 2
    assert "`omni-relay history` lists them" in run.err


def test_a_rollback_gives_back_every_parameter_bit_for_bit_and_leaves_secrets(
    omni_relay: Command, write: Callable[..., None], parameters: Parameters
) -> None:
    omni_relay(*PUSH)
    before = parameters()
    new = changed(CONFIG, "sources", "ci", to=None)
    new = changed(new, "sources", "svix", to={"verify": "svix", "routes": {"a": ROUTE | {"text": "é {{ body.x }} 🚨"}}})
    write(changed(new, "scenarios", "incident", to="KEY-2"), {"sources": {"github": "newer", "svix": "whsec_c3ZpeA=="}})
    assert omni_relay(*PUSH, "--omni-base-url", "https://other.example.com").code == 0
    pushed = parameters()
    assert omni_relay("rollback", "--yes").code == 0
    after = parameters()
    secret = {name for name, (kind, _) in pushed.items() if kind == "SecureString"}
    assert {name: one for name, one in after.items() if name not in secret} == {
        name: one for name, one in before.items() if name not in secret
    }
    assert {name: after[name] for name in secret} == {name: pushed[name] for name in secret}
    # A rollback is a push like any other, so the next one goes back to where it came from.
    assert omni_relay("rollback", "2", "--yes").code == 0
    assert parameters() == pushed
    assert [one["message"] for one in json.loads(omni_relay("history", "--json").out)[:2]] == [
        "rollback to 2",
        "rollback to 1",
    ]


def test_what_was_there_before_the_first_recorded_push_can_be_rolled_back_to(
    omni_relay: Command, write: Callable[..., None], parameters: Parameters
) -> None:
    omni_relay(*PUSH)
    table = next(name for name in boto3.client("dynamodb").list_tables()["TableNames"])
    for item in boto3.client("dynamodb").scan(TableName=table)["Items"]:
        boto3.client("dynamodb").delete_item(TableName=table, Key={"id": item["id"]})
    before = parameters()
    write(changed(CONFIG, "scenarios", "incident", to="KEY-2"))
    omni_relay(*PUSH)
    omni_relay("rollback", "--yes")
    assert parameters() == before
    assert "before the first recorded push" in omni_relay("history").out


def test_a_push_that_dies_half_way_is_completed_by_the_next(
    omni_relay: Command, write: Callable[..., None], parameters: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = omni_relay(*PUSH, code=DIES.format(then="os.kill(os.getpid(), signal.SIGKILL)"))
    assert died.code == -signal.SIGKILL
    assert len(parameters()) == 2
    refused = omni_relay(*PUSH)  # it could still be alive
    assert refused.code == 1
    assert "push 1 by arn:aws:sts::" in refused.err
    assert "is under way since" in refused.err
    _end_lease()
    completed = omni_relay(*PUSH)
    assert completed.code == 0
    assert "died before its end" in completed.err
    assert "source ci, secrets" in completed.err
    assert len(parameters()) == 12
    second, first = json.loads(omni_relay("history", "--json").out)
    assert (second["done"], first["done"]) == (True, False)
    assert "(didn't end)" in omni_relay("history").out


def _end_lease() -> None:
    """Lets two minutes pass."""
    dynamodb = boto3.client("dynamodb")
    [table] = [name for name in dynamodb.list_tables()["TableNames"] if "-Table-" in name]
    dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": "push#head"}},
        UpdateExpression="SET lease = :past",
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
    )


def test_of_two_pushes_at_once_one_is_refused_and_loses_nothing(
    omni_relay: Command,
    write: Callable[..., None],
    parameters: Parameters,
    tmp_path: Path,
    eventually: Callable[..., Any],
) -> None:
    slow = omni_relay.start(*PUSH, code=WAITS)
    eventually((tmp_path / "waiting").exists, 30)
    write(changed(CONFIG, "scenarios", "incident", to="KEY-2"))
    refused = omni_relay(*PUSH)
    assert (refused.code, "is under way" in refused.err) == (1, True)
    (tmp_path / "go").touch()
    assert slow.wait(60) == 0
    slow.communicate()
    assert parameters()["scenarios/incident"] == ("String", "KEY-1")
    assert omni_relay(*PUSH).code == 0
    assert parameters()["scenarios/incident"] == ("String", "KEY-2")


def test_a_push_is_refused_if_somebody_pushed_after_its_plan(
    omni_relay: Command, write: Callable[..., None], parameters: Parameters
) -> None:
    omni_relay(*PUSH)
    planned = json.loads(omni_relay("plan", "--json").out)["after"]
    write(changed(CONFIG, "scenarios", "incident", to="KEY-2"))
    omni_relay(*PUSH)
    write(changed(CONFIG, "scenarios", "incident", to="KEY-3"))
    run = omni_relay("push", "--yes", "--after", str(planned))
    assert (run.code, run.err) == (1, "Error: the last push is 2, not 1: look at the plan again\n")
    assert parameters()["scenarios/incident"] == ("String", "KEY-2")


def test_unless_delivered_is_refused_while_the_stacks_delivery_reports_are_off(
    omni_relay: Command, write: Callable[..., None], parameters: Parameters
) -> None:
    off = {"Stage": {"Type": "String", "Default": "dev"}, "DeliveryReports": {"Type": "String", "Default": "off"}}
    create_stack("quiet", Parameters=off)
    write(changed(CONFIG, "sources", "ci", "routes", "failed", "unless_delivered", to={"within": "5m"}))
    run = omni_relay(*PUSH, "--stack", "quiet")
    assert run.code
    assert "DeliveryReports is off" in run.err
    assert "unless_delivered" in run.err
    assert not parameters()
    assert omni_relay(*PUSH).code == 0


def test_without_a_push_there_is_nothing_to_compare(omni_relay: Command) -> None:
    run = omni_relay("diff")
    assert run.code == 2
    assert "nothing was pushed to omni-relay yet" in run.err
