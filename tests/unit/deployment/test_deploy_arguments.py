"""`make build`, `make deploy` and `make protect` ask nothing, and the processor is the one built for."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.account import account
from deploy.built import admit_only, built_for
from deploy.installation import Installation, as_sam_reads, installation, pairs
from deploy.problems import CannotDeployError
from deploy.protection import protect
from deploy.sam import deployment

DEV = Installation("default", "omni-relay", {"Stage": "dev"}, {"application": "omni-relay"})


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives a machine without a region and without credentials."""
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_deploy_asks_nothing() -> None:
    command = deployment(DEV, "arm64", "eu-central-1", {})

    assert "--no-confirm-changeset" in command
    assert "--guided" not in command
    assert option(command, "--region") == "eu-central-1"


def test_deploy_asks_before_the_change_set_with_confirm() -> None:
    assert "--confirm-changeset" in deployment(DEV, "arm64", "eu-central-1", {"CONFIRM": "1"})


@pytest.mark.parametrize("built", ["arm64", "x86_64"])
def test_deploy_passes_the_processor_that_was_built_for(built: str) -> None:
    command = deployment(DEV, built, "eu-central-1", {})

    assert option(command, "--parameter-overrides") == f'Stage="dev" Architecture="{built}"'


def test_deploy_refuses_another_processor_than_the_one_built_for() -> None:
    other = Installation("default", "omni-relay", {"Architecture": "x86_64"}, {})

    with pytest.raises(CannotDeployError, match='make build PARAMETERS="Architecture=x86_64"'):
        deployment(other, "arm64", "eu-central-1", {})


def test_deploy_hands_over_cloudformation_s_role() -> None:
    role = "arn:aws:iam::123456789012:role/cloudformation"

    assert option(deployment(DEV, "arm64", "eu-central-1", {"CLOUDFORMATION_ROLE_ARN": role}), "--role-arn") == role


def test_the_built_template_admits_no_other_processor(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    path = tmp_path / "build" / "template.yaml"
    given = {"Type": "String", "Default": "arm64", "AllowedValues": ["arm64", "x86_64"]}
    path.write_text(yaml.safe_dump({"Parameters": {"Architecture": given}, "Resources": {}}))

    admit_only("x86_64", tmp_path)

    architecture = yaml.safe_load(path.read_text())["Parameters"]["Architecture"]
    assert architecture == {"Type": "String", "Default": "x86_64", "AllowedValues": ["x86_64"]}


def test_without_a_build_deploy_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CannotDeployError, match="make build"):
        built_for(tmp_path)


def test_the_command_line_adds_to_samconfig_and_overrides_it(tmp_path: Path) -> None:
    config = tmp_path / "samconfig.toml"
    config.write_text(
        '[prod.global.parameters]\nstack_name = "relay"\nparameter_overrides = "Stage=prod LogLevel=INFO"\n'
        '[prod.deploy.parameters]\ntags = "team=a"\n'
    )
    variables = {"CONFIG_ENV": "prod", "PARAMETERS": "LogLevel=DEBUG", "TAGS": "cost='on call'", "STACK": "other"}

    chosen = installation(variables, config)

    assert chosen == Installation(
        "prod", "other", {"Stage": "prod", "LogLevel": "DEBUG"}, {"team": "a", "cost": "on call"}
    )


def test_an_installation_that_samconfig_does_not_know_is_an_error() -> None:
    with pytest.raises(CannotDeployError, match=r"\[staging\.deploy\.parameters\]"):
        installation({"CONFIG_ENV": "staging"})


@pytest.mark.parametrize("text", ["Stage", "=dev", "Stage=dev other"])
def test_a_parameter_without_name_or_value_is_an_error(text: str) -> None:
    with pytest.raises(CannotDeployError, match="PARAMETERS takes Name=value"):
        pairs(text, "PARAMETERS")


def test_values_reach_sam_in_quotes() -> None:
    assert as_sam_reads({"A": "on call", "B": 'say "hi"', "C": ""}) == 'A="on call" B="say \\"hi\\"" C=""'


@pytest.mark.usefixtures("nowhere")
def test_a_missing_region_is_one_clear_line() -> None:
    with pytest.raises(CannotDeployError, match=r"^No region is set.*AWS_DEFAULT_REGION=eu-central-1.*$"):
        account()


@pytest.mark.usefixtures("nowhere")
def test_missing_credentials_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    with pytest.raises(CannotDeployError, match=r"^No AWS credentials were found.*AWS_PROFILE.*$"):
        account()


class Recorded:
    """Takes each call, and keeps what it was given."""

    def __init__(self) -> None:
        self.calls: dict[str, Any] = {}

    def set_stack_policy(self, **given: Any) -> None:
        self.calls["policy"] = json.loads(given["StackPolicyBody"])["Statement"]

    def update_termination_protection(self, **given: Any) -> None:
        self.calls["protected"] = given["EnableTerminationProtection"]


def test_protect_keeps_the_stack_and_its_data() -> None:
    cloudformation = Recorded()

    protect(cloudformation, "omni-relay", on=True)

    assert cloudformation.calls["protected"] is True
    [_, denied] = cloudformation.calls["policy"]
    assert denied["Action"] == ["Update:Replace", "Update:Delete"]
    assert set(denied["Condition"]["StringEquals"]["ResourceType"]) == {"AWS::DynamoDB::Table", "AWS::SQS::Queue"}


def test_unprotect_allows_all_again() -> None:
    cloudformation = Recorded()

    protect(cloudformation, "omni-relay", on=False)

    assert cloudformation.calls["protected"] is False
    assert [statement["Effect"] for statement in cloudformation.calls["policy"]] == ["Allow"]


def test_each_type_that_the_template_retains_is_protected(document: dict[str, Any]) -> None:
    retained = {
        resource["Type"]
        for resource in document["Resources"].values()
        if "Retain" in resource.get("DeletionPolicy", "") and resource["Type"] != "AWS::KMS::Key"
    }
    cloudformation = Recorded()

    protect(cloudformation, "omni-relay", on=True)

    assert retained <= set(cloudformation.calls["policy"][1]["Condition"]["StringEquals"]["ResourceType"])
