"""The operator's push writes into a real SSM only what changed, and nothing if a file has a mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from aws.configuration import SsmConfiguration
from cli.app import main
from tests.support.moto_stack import create_stack

PREFIX = "/omni-relay/dev"
ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "{{ body.text }}"}
CONFIG: dict[str, Any] = {
    "scenarios": {"incident": "KEY-1", "orders": "KEY-2"},
    "sources": {
        "github": {"verify": "github", "routes": {"release": ROUTE, "push": ROUTE}},
        "ci": {"verify": "bearer", "routes": {"failed": ROUTE}},
    },
}
ALARMS = {  # SNS has no shared secret
    "verify": {"preset": "sns", "topic_arns": ["arn:aws:sns:eu-central-1:123456789012:alarms"]},
    "routes": {"all": ROUTE},
}
SECRETS = {"sources": {"github": ["new-secret", "old-secret"], "ci": "token"}}

Push = Callable[..., int]


@pytest.fixture
def ssm(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "AWS_ENDPOINT_URL": moto_endpoint,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "OMNI_AUTHORIZATION": "App key",
    }.items():
        monkeypatch.setenv(name, value)
    create_stack()
    return boto3.client("ssm")


@pytest.fixture
def push(ssm: Any, tmp_path: Path) -> Push:
    def run(config: Any = CONFIG, secrets: Any = SECRETS, *options: str) -> int:
        (tmp_path / "relay.yaml").write_text(config if isinstance(config, str) else yaml.safe_dump(config))
        (tmp_path / "secrets.yaml").write_text(yaml.safe_dump(secrets))
        files = ["--config", str(tmp_path / "relay.yaml"), "--secrets", str(tmp_path / "secrets.yaml")]
        verb = ["plan"] if "--plan" in options else ["push", "--yes"]
        given = [option for option in options if option != "--plan"]
        return main([*verb, *files, "--omni-base-url", "https://api.example.com", *given])

    return run


def stored(ssm: Any) -> dict[str, Any]:
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=PREFIX, Recursive=True, WithDecryption=True)
    return {p["Name"].removeprefix(f"{PREFIX}/"): p for page in pages for p in page["Parameters"]}


def versions(ssm: Any) -> dict[str, int]:
    return {name: parameter["Version"] for name, parameter in stored(ssm).items()}


def without(config: Any, *path: str) -> Any:
    return {
        name: without(value, *path[1:]) if path[0] == name and len(path) > 1 else value
        for name, value in config.items()
        if path != (name,)
    }


def test_an_emoji_that_a_json_writer_escaped_is_pushed_as_the_character(ssm: Any, push: Push) -> None:
    failed = ROUTE | {"text": "🚨 down"}
    written = json.dumps(CONFIG | {"sources": {"ci": {"verify": "bearer", "routes": {"failed": failed}}}})
    assert "\\ud83d\\udea8" in written
    assert push(written, {}) == 0
    assert json.loads(stored(ssm)["sources/ci/routes/failed"]["Value"])["text"] == "🚨 down"


def test_half_a_surrogate_pair_ends_a_push_with_an_error_that_names_its_place(
    ssm: Any, push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    written = json.dumps(CONFIG).replace('"KEY-1"', '"\\ud83d"')
    assert push(written) == 2
    assert "relay.yaml: line 1, column 28: this text holds half of a character" in capsys.readouterr().err
    assert stored(ssm) == {}


def test_a_function_reads_what_was_pushed(ssm: Any, push: Push) -> None:
    assert push() == 0

    configuration = SsmConfiguration(ssm, PREFIX, 300)
    github = configuration.source("github")
    assert github is not None
    assert ([route.name for route in github.routes], github.secrets) == (
        ["push", "release"],
        ("new-secret", "old-secret"),
    )
    assert configuration.scenario_key("orders") == "KEY-2"
    assert configuration.account().authorization == "App key"
    types = {name: parameter["Type"] for name, parameter in stored(ssm).items()}
    assert {name for name, kind in types.items() if kind == "SecureString"} == {
        "omni/authorization",
        "records/key",
        "reports/token",
        "sources/ci/secrets",
        "sources/github/secrets",
    }
    assert types["source-names/1"] == "StringList"


def test_only_what_changed_is_written(ssm: Any, push: Push, capsys: pytest.CaptureFixture[str]) -> None:
    push()
    push(CONFIG | {"scenarios": {"incident": "KEY-3", "orders": "KEY-2"}})

    changed = versions(ssm)
    assert changed.pop("scenarios/incident") == 2
    assert set(changed.values()) == {1}
    assert "0 to delete, 1 to change, 0 to add, 13 unchanged" in capsys.readouterr().out


def test_a_source_that_was_removed_from_the_file_is_deleted_but_the_account_stays(
    ssm: Any, push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    push()
    before = set(stored(ssm))
    less = without(without(CONFIG, "sources", "ci"), "sources", "github", "routes", "push")
    push(without(less, "scenarios", "orders"), {})

    gone = {"scenarios/orders", "sources/ci/routes/failed", "sources/ci/settings", "sources/github/routes/push"}
    assert before - set(stored(ssm)) == gone
    assert "keeps   source ci, secrets, although the source goes; --delete-secrets" in capsys.readouterr().out
    assert stored(ssm)["source-names/1"]["Value"] == "github"
    assert stored(ssm)["sources/github/secrets"]["Value"] == '["new-secret","old-secret"]'


def test_a_plan_says_what_a_push_would_do_and_does_nothing(
    ssm: Any, push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(CONFIG, SECRETS, "--plan") == 0

    assert stored(ssm) == {}
    said = capsys.readouterr().out
    assert "add     source github, secrets\n          new\n" in said
    assert "new-secret" not in said
    assert "0 to delete, 0 to change, 14 to add, 0 unchanged in omni-relay" in said


def test_a_mistake_is_named_and_nothing_is_written(ssm: Any, push: Push, capsys: pytest.CaptureFixture[str]) -> None:
    routes = {"release": ROUTE | {"scenario": "incidnet"}, "push": ROUTE | {"whn": "a"}}
    assert push(CONFIG | {"sources": {"github": {"verify": "github", "routes": routes}}}, {}) == 2

    assert stored(ssm) == {}
    said = capsys.readouterr().err
    for words in ("source github, route release, scenario: there is no scenario incidnet", "route push, whn"):
        assert words in said


def test_a_stack_that_is_not_there_is_named_with_the_options_that_help(
    push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(CONFIG, SECRETS, "--stack", "omni-relay-prdo") == 1
    said = capsys.readouterr().err
    assert "omni-relay-prdo does not exist" in said
    assert all(option in said for option in ("--stack", "--profile", "--region"))


def test_a_push_encrypts_all_secrets_with_its_key_even_unchanged_ones(
    ssm: Any, push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    push()
    before = versions(ssm)
    push(CONFIG, SECRETS, "--kms-key-id", "alias/relay")

    described = ssm.get_paginator("describe_parameters").paginate()
    keys = {p["Name"].removeprefix(f"{PREFIX}/"): p.get("KeyId") for page in described for p in page["Parameters"]}
    secrets = {"omni/authorization", "sources/ci/secrets", "sources/github/secrets", "records/key", "reports/token"}
    assert {name for name, key in keys.items() if key == "alias/relay"} == secrets
    assert {name for name, version in versions(ssm).items() if version != before[name]} == secrets
    assert "0 to delete, 5 to change, 0 to add, 9 unchanged" in capsys.readouterr().out


def test_a_refusal_of_aws_is_shown(push: Push, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("cli.target.ATTEMPTS", 1)

    assert push() == 1
    assert capsys.readouterr().err.startswith("AWS: ")


def test_a_missing_parameter_is_named_until_it_was_pushed_once(
    ssm: Any, push: Push, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OMNI_AUTHORIZATION")
    assert push(CONFIG | {"sources": CONFIG["sources"] | {"alarms": ALARMS}}, {"sources": {"ci": "token"}}) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said] == [
        "missing OMNI's authorization",
        "missing source github, secrets",
    ]
    assert "OMNI_AUTHORIZATION" in said[0]

    monkeypatch.setenv("OMNI_AUTHORIZATION", "App key")
    push()
    push(CONFIG, {})
    assert capsys.readouterr().err == ""


def test_a_scenario_with_a_flow_for_the_sandbox_is_pushed_as_its_key(ssm: Any, push: Push) -> None:
    scenarios = {"incident": {"key": "KEY-1", "flow": ["SMS"]}}
    assert push(CONFIG | {"scenarios": scenarios}) == 0
    assert stored(ssm)["scenarios/incident"]["Value"] == "KEY-1"
    assert push(CONFIG | {"scenarios": {"incident": {"kee": "KEY-1"}}}) == 2


def test_routes_and_scenarios_may_be_called_settings_or_secrets(ssm: Any, push: Push) -> None:
    named = {"verify": "github", "routes": {"settings": ROUTE | {"scenario": "secrets"}, "secrets": ROUTE}}
    scenarios = {"incident": "KEY-1", "settings": "KEY-2", "secrets": "KEY-3"}
    assert push({"scenarios": scenarios, "sources": {"settings": named}}, {"sources": {"settings": "one"}}) == 0
    source = SsmConfiguration(ssm, PREFIX, 300).source("settings")
    assert source is not None
    assert [route.name for route in source.routes] == ["secrets", "settings"]
