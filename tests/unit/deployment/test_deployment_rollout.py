"""New versions go live step by step, and only if they answer; a changed parameter makes a new version, too."""

import io
import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import EndpointConnectionError
from moto.iam.aws_managed_policies import aws_managed_policies_data

from sandbox.stack.specs import SamTemplate
from tests.support.inprocess import Relay, relay
from tests.support.template import Json, of_type

OUR_ALARMS = {"UnexpectedFailuresAlarm"}


@pytest.fixture
def functions(document: dict[str, Any]) -> dict[str, Json]:
    return of_type(document, "AWS::Serverless::Function")


# ---- Versions


def test_every_function_is_reached_by_its_alias(document: dict[str, Any], functions: dict[str, Json]) -> None:
    assert document["Globals"]["Function"]["AutoPublishAlias"] == "live"
    assert not [name for name, function in functions.items() if "AutoPublishAlias" in function]


def test_a_changed_parameter_makes_a_new_version(document: dict[str, Any], functions: dict[str, Json]) -> None:
    # SAM hashes `Ref X`, not its value. CloudFormation replaces a version whose description changes.
    common = json.dumps(document["Globals"]["Function"])
    given = {name for name in document["Parameters"] if re.search(rf'"Ref": "{name}"|\$\{{{name}\}}', common)}

    for function in functions.values():
        assert set(re.findall(r"\$\{(\w+)\}", function["VersionDescription"]["Fn::Sub"])) == given
        assert function["AutoPublishAliasAllProperties"] is True


def test_a_version_s_description_fits(document: dict[str, Any], functions: dict[str, Json]) -> None:
    parameters = document["Parameters"]
    [text] = {function["VersionDescription"]["Fn::Sub"] for function in functions.values()}

    def longest(name: str) -> int:
        declared = parameters[name]
        allowed = map(str, declared.get("AllowedValues", []))
        return max(int(declared.get("MaxLength", 0)), len(str(declared["Default"])), *map(len, allowed), 8)

    assert sum(map(longest, re.findall(r"\$\{(\w+)\}", text))) + text.count(" ") <= 256


# ---- Traffic


def test_production_gets_a_tenth_of_the_traffic_first(document: dict[str, Any]) -> None:
    assert document["Globals"]["Function"]["DeploymentPreference"]["Type"] == {
        "Fn::If": ["IsProduction", "Canary10Percent5Minutes", "AllAtOnce"]
    }
    assert document["Conditions"]["IsProduction"] == {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}


def test_an_alarm_of_the_alias_takes_the_traffic_back(document: dict[str, Any], functions: dict[str, Json]) -> None:
    alarms = of_type(document, "AWS::CloudWatch::Alarm")

    for name, function in functions.items():
        watching = {alarm["Ref"] for alarm in function["DeploymentPreference"]["Alarms"]} - OUR_ALARMS
        metrics = [one["MetricStat"]["Metric"] for one in alarms[watching.pop()]["Metrics"] if "MetricStat" in one]
        assert [metric["Dimensions"][1]["Value"] for metric in metrics] == [{"Fn::Sub": f"${{{name}}}:live"}] * 2


# ---- The pre-traffic hook


@pytest.fixture
def hook(document: dict[str, Any]) -> dict[str, Any]:
    """The names of the hook's code, with stand-ins for its clients."""
    names: dict[str, Any] = {}
    exec(document["Resources"]["PreTrafficFunction"]["Properties"]["Code"]["ZipFile"], names)  # noqa: S102  # our own code
    return names


class CodeDeploy:
    def __init__(self) -> None:
        self.told: list[str] = []

    def put_lifecycle_event_hook_execution_status(self, *, status: str, **ids: str) -> None:
        assert ids == {"deploymentId": "d-1", "lifecycleEventHookExecutionId": "e-1"}
        self.told.append(status)


class Lambda:
    def __init__(self, answer: Callable[[Json], Json], *, crashes: bool = False) -> None:
        self._answer, self._crashes = answer, crashes

    def invoke(self, *, FunctionName: str, Payload: str) -> Json:  # noqa: N803  # boto3's names
        assert FunctionName == "arn:version:7"
        answer = {"Payload": io.BytesIO(json.dumps(self._answer(json.loads(Payload))).encode())}
        return answer | ({"FunctionError": "Unhandled"} if self._crashes else {})


def run(hook: dict[str, Any], function: Lambda, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("NEW_VERSION", "arn:version:7")
    codedeploy = CodeDeploy()
    with patch("boto3.client", {"lambda": function, "codedeploy": codedeploy}.__getitem__):
        hook["handler"]({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}, None)
    return codedeploy.told


@pytest.fixture
def deployed() -> Iterator[Relay]:
    """The functions in this process."""
    route = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "down"}
    config = {"scenarios": {"incident": "A" * 32}, "sources": {"ci": {"verify": "bearer", "routes": {"all": route}}}}
    with relay(config, {"sources": {"ci": "secret"}}) as made:
        yield made


def webhook(relay: Relay) -> Lambda:
    from handlers.webhook import handler

    def answer(event: Json) -> Json:
        given = relay.invoke(handler, event)
        return {"statusCode": given.status, "body": given.text}

    return Lambda(answer)


def test_a_version_that_answers_a_signed_event_goes_live_and_has_sent_nothing(
    hook: dict[str, Any], deployed: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(hook, webhook(deployed), monkeypatch) == ["Succeeded"]
    assert (deployed.omni.requests, deployed.ledger.results, deployed.sqs.messages) == ([], {}, [])


def test_a_version_that_verifies_wrongly_does_not(
    hook: dict[str, Any], deployed: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = hook["signed_event"]()
    hook["signed_event"] = lambda: event | {"body": event["body"] + " "}

    assert run(hook, webhook(deployed), monkeypatch) == ["Failed"]


def test_a_version_that_cannot_read_its_configuration_does_not(
    hook: dict[str, Any], deployed: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_: Any) -> Json:
        raise EndpointConnectionError(endpoint_url="https://ssm.invalid")

    monkeypatch.setattr(deployed.ssm, "get_parameters", down)

    assert run(hook, webhook(deployed), monkeypatch) == ["Failed"]


def test_a_webhook_over_http_cannot_ask_for_a_dry_run(deployed: Relay) -> None:
    answer = deployed.post(
        "pre-traffic", b'{"dryRun": {"secret": "s"}}', {"dryrun": "s", "content-type": "application/json"}
    )

    assert answer.status == 404


def test_a_version_that_crashes_does_not(hook: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    crash = {"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named 'relay'"}

    assert run(hook, Lambda(lambda _: crash, crashes=True), monkeypatch) == ["Failed"]


def test_codedeploy_hears_of_a_hook_that_fails_itself(hook: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Json) -> Json:
        raise PermissionError

    assert run(hook, Lambda(forbidden), monkeypatch) == ["Failed"]


def test_codedeploy_may_call_the_hook(document: dict[str, Any]) -> None:
    # SAM gives CodeDeploy this policy of AWS's. moto has a copy of it.
    allowed = json.loads(aws_managed_policies_data)["AWSCodeDeployRoleForLambda"]["Document"]["Statement"]
    [invoking] = [one["Resource"] for one in allowed if "lambda:InvokeFunction" in one["Action"]]
    name = document["Resources"]["PreTrafficFunction"]["Properties"]["FunctionName"]["Fn::Sub"]

    assert fnmatchcase(f"arn:aws:lambda:eu-central-1:123456789012:function:{name}", invoking)


def test_the_hook_tries_the_version_that_is_deployed(document: dict[str, Any], template: SamTemplate) -> None:
    hook = document["Resources"]["PreTrafficFunction"]["Properties"]
    [webhook] = [one for one in template.functions.values() if one.handler == "handlers.webhook.handler"]

    assert hook["Environment"]["Variables"] == {"NEW_VERSION": {"Ref": f"{webhook.logical_id}.Version"}}
    assert hook["Runtime"] == webhook.runtime
