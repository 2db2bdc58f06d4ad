"""Who may do what, what is encrypted and kept: a change that opens a door has to change a test too."""

import json
import re
from pathlib import Path

import pytest

from sandbox.stack.specs import SamTemplate
from tests.support.template import Json, listed, of_type, statements

WITHOUT_NARROWER_RESOURCE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def granted(document: dict[str, Json]) -> list[dict[str, Json]]:
    kinds = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Role")
    policies = [properties for kind in kinds for properties in of_type(document, kind).values()]
    return [one for one in statements(policies) if one["Effect"] == "Allow" and "Resource" in one]


# ---- Who may do what


def test_no_function_has_a_role_that_sam_makes(document: dict[str, Json]) -> None:
    # Those may receive from every queue of the account and write to all its logs.
    for properties in of_type(document, "AWS::Serverless::Function").values():
        assert "Fn::GetAtt" in properties["Role"]
        assert "Policies" not in properties


def test_functions_do_not_share_a_role(document: dict[str, Json]) -> None:
    roles = [
        properties["Role"]["Fn::GetAtt"][0] for properties in of_type(document, "AWS::Serverless::Function").values()
    ]

    assert len(set(roles)) == len(roles)


def test_no_grant_reaches_further_than_it_must(document: dict[str, Json]) -> None:
    for statement in granted(document):
        actions = set(listed(statement["Action"]))
        assert not any("*" in action for action in actions), statement
        if not actions <= WITHOUT_NARROWER_RESOURCE:
            assert "*" not in listed(statement["Resource"]), statement


def test_only_the_stage_s_own_parameters_can_be_read(document: dict[str, Json]) -> None:
    [statement] = [one for one in granted(document) if any("ssm:" in action for action in listed(one["Action"]))]

    assert [resource["Fn::Sub"].rpartition(":")[2] for resource in listed(statement["Resource"])] == [
        "parameter/omni-relay/${Stage}/*"
    ]


def test_secrets_are_decrypted_through_ssm_only_and_of_this_stage_only(document: dict[str, Json]) -> None:
    [statement] = [one for one in granted(document) if listed(one["Action"]) == ["kms:Decrypt"]]
    through = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"]
    of = statement["Condition"]["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"]["Fn::Sub"]

    assert through.startswith("ssm.")
    assert of.endswith(":parameter/omni-relay/${Stage}/*")


def test_the_customer_s_key_is_used_through_the_table_and_the_queues_only(document: dict[str, Json]) -> None:
    with_key = [one for one in granted(document) if one["Resource"] == {"Ref": "KmsKeyArn"}]
    services = [listed(one["Condition"]["StringEquals"]["kms:ViaService"]) for one in with_key]

    assert [[service["Fn::Sub"].partition(".")[0] for service in one] for one in services] == [
        ["dynamodb", "sqs"],
        ["sqs"],
    ]


def test_only_delivery_takes_from_the_queue_and_nobody_from_the_dead_letters(document: dict[str, Json]) -> None:
    takers = {
        name: listed(one["Resource"])
        for name, role in of_type(document, "AWS::IAM::Role").items()
        for one in statements(role["Policies"])
        if "sqs:ReceiveMessage" in listed(one["Action"])
    }

    assert takers == {"DeliveryRole": [{"Fn::GetAtt": ["Queue", "Arn"]}]}


def test_both_queues_refuse_whoever_comes_without_tls(document: dict[str, Json]) -> None:
    policies = of_type(document, "AWS::SQS::QueuePolicy").values()

    for statement in statements(list(policies)):
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {queue["Ref"] for policy in policies for queue in policy["Queues"]} == of_type(
        document, "AWS::SQS::Queue"
    ).keys()


def test_a_queue_s_policy_speaks_of_that_queue_only(document: dict[str, Json]) -> None:
    # SQS refuses any other resource, and the stack would roll back.
    for policy in of_type(document, "AWS::SQS::QueuePolicy").values():
        [queue] = policy["Queues"]
        assert [statement["Resource"] for statement in statements(policy)] == [{"Fn::GetAtt": [queue["Ref"], "Arn"]}]


def test_each_service_acts_for_this_account_only(document: dict[str, Json]) -> None:
    # Lambda's own role needs no condition: only this account can give it to a function.
    for role in of_type(document, "AWS::IAM::Role").values():
        [statement] = statements(role["AssumeRolePolicyDocument"])
        if statement["Principal"]["Service"] != "lambda.amazonaws.com":
            assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_schedules_fire_under_a_role_of_the_template(document: dict[str, Json]) -> None:
    events = [
        event["Properties"]
        for function in of_type(document, "AWS::Serverless::Function").values()
        for event in function["Events"].values()
        if event["Type"] == "ScheduleV2"
    ]

    roles = [event["RoleArn"]["Fn::GetAtt"][0] for event in events]
    assert sorted(roles) == ["PullSchedulerRole", "SchedulerRole"]


def test_the_dead_letter_queue_takes_from_our_queue_only(template: SamTemplate) -> None:
    allowed = json.loads(template.queues["DeadLetterQueue"].attributes["RedriveAllowPolicy"])

    assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [template.queues["Queue"].arn]}


# ---- What is encrypted and kept


def test_all_that_rests_is_encrypted(document: dict[str, Json]) -> None:
    for queue in of_type(document, "AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] == {"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, True]}
    for table in of_type(document, "AWS::DynamoDB::Table").values():
        assert (table["SSESpecification"]["SSEEnabled"], table["SSESpecification"]["SSEType"]) == (True, "KMS")


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::DynamoDB::Table", "KMSMasterKeyId"),
    ],
)
def test_a_key_of_the_customer_s_own_encrypts_all_that_rests(document: dict[str, Json], kind: str, key: str) -> None:
    own = {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}

    for name, resource in of_type(document, kind).items():
        assert resource.get("SSESpecification", resource).get(key) == own, name


def test_the_key_s_policy_is_documented_for_each_service_that_uses_it_by_itself(project: Path) -> None:
    [policy] = re.findall(r"```json\n(.*?)```", (project / "docs" / "security.md").read_text(), re.DOTALL)
    services = {one["Principal"]["Service"] for one in statements(json.loads(policy)) if "Service" in one["Principal"]}

    assert services == {"logs.REGION.amazonaws.com", "cloudwatch.amazonaws.com"}


@pytest.mark.parametrize("name", ["Table", "DeadLetterQueue"])
def test_what_a_person_may_still_need_outlives_the_stack(document: dict[str, Json], name: str) -> None:
    resource = document["Resources"][name]

    assert resource["DeletionPolicy"].startswith("Retain")
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_the_waiting_items_outlive_a_change_of_the_queue_s_name(document: dict[str, Json]) -> None:
    assert document["Resources"]["Queue"]["UpdateReplacePolicy"] == "Retain"


def test_nobody_deletes_the_table_by_mistake(document: dict[str, Json]) -> None:
    for name, table in of_type(document, "AWS::DynamoDB::Table").items():
        assert table["DeletionProtectionEnabled"] is True
        # A protected table can't be deleted when the stack's creation fails: the roll-back would fail as well.
        assert document["Resources"][name]["DeletionPolicy"] == "Retain"


def test_the_tables_forget_by_themselves_and_can_be_restored(document: dict[str, Json], template: SamTemplate) -> None:
    tables = of_type(document, "AWS::DynamoDB::Table")

    assert tables.keys() == {"Table", "RecordsTable"}
    assert {template.tables[name].ttl_attribute for name in tables} == {"expiration"}
    assert all(one["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] for one in tables.values())


def test_every_function_logs_to_a_group_that_is_emptied_in_time(document: dict[str, Json]) -> None:
    groups = of_type(document, "AWS::Logs::LogGroup")
    kinds = ("AWS::Serverless::Function", "AWS::Lambda::Function")
    functions = [function for kind in kinds for function in of_type(document, kind).values()]
    used = [one["LoggingConfig"]["LogGroup"]["Ref"] for one in functions]

    assert len(set(used)) == len(used)
    assert {*used, "ApiLogs"} == groups.keys()
    assert all(group["RetentionInDays"] for group in groups.values())


def test_the_access_log_holds_nothing_that_a_sender_wrote(document: dict[str, Json]) -> None:
    [api] = of_type(document, "AWS::Serverless::HttpApi").values()
    logged = set(re.findall(r"\$context\.([A-Za-z.]+)", api["AccessLogSettings"]["Format"]["Fn::Sub"]))

    # The path of POST /reports/{token} holds a secret.
    secret = re.compile("path|header|query|body|authorizer|identity.(?!sourceIp)", re.IGNORECASE)
    assert {"requestId", "routeKey", "status"} <= logged
    assert not {name for name in logged if secret.search(name)}


# ---- What is seen


def test_the_example_schedule_sleeps_until_somebody_wakes_it(template: SamTemplate) -> None:
    assert {one.function: one.enabled for one in template.schedules} == {
        "ScheduleFunction": False,
        "ReportPullFunction": True,
    }


def test_the_dashboard_is_json_and_shows_metrics_that_the_code_counts(document: dict[str, Json], project: Path) -> None:
    body, _ = document["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    titles = {widget["properties"]["title"] for widget in json.loads(body)["widgets"]}
    files = ("aws/telemetry.py", "relay/follow/reports.py")
    code = "".join((project / "src" / file).read_text() for file in files)

    assert {"Messages", "Webhooks", "Waiting", "Seconds to delivery", "Ends and escalations"} <= titles
    assert set(re.findall(r'"(Messages[A-Z]\w+)"', body)) == set(re.findall(r'"(Messages[A-Z]\w+)"', code))
