"""A template is read as CloudFormation would resolve it. An error names the place that can't be resolved."""

from collections.abc import Callable
from pathlib import Path

import pytest

from configuration.parameters import Parameter
from sandbox.stack.intrinsics import TemplateError
from sandbox.stack.sam_template import read_template
from sandbox.stack.settings import PROJECT
from sandbox.stack.specs import SamTemplate

Read = Callable[..., SamTemplate]

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Stage: {Type: String, Default: dev}
  Seconds: {Type: Number, Default: 7}
  Extra: {Type: String, Default: ""}
Mappings:
  Sizes: {dev: {memory: 256}, prod: {memory: 1024}}
Conditions:
  HasExtra: !Not [!Equals [!Ref Extra, ""]]
  IsProduction: !Equals [!Ref Stage, prod]
  Both: !And [!Condition HasExtra, !Condition IsProduction]
  Either: !Or [!Condition HasExtra, !Condition IsProduction]
Globals:
  Function:
    CodeUri: code
    Timeout: !Ref Seconds
    Tracing: !If [HasExtra, Active, Disabled]
    Environment:
      Variables: {STAGE: !Ref Stage, SHARED: common, FLAG: true}
Resources:
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      MemorySize: !FindInMap [Sizes, !Ref Stage, memory]
      Environment:
        Variables:
          SHARED: own
          URL: !Ref Work
          NAME: !GetAtt Work.QueueName
          ARN: {"Fn::GetAtt": [Work, Arn]}
          TABLE: !Ref Records
          SUB: !Sub "${Stage}-${AWS::Region}-${Work.QueueName}-${!Literal}"
          SUB_WITH: !Sub ["${a}/${Stage}", {a: !Ref Seconds}]
          JOINED: !Join ["-", [a, !Ref Stage, 3]]
          SELECTED: !Select [1, !Split [",", "x,y,z"]]
          CHOSEN: !If [HasExtra, !Ref Extra, none]
          EITHER: !If [Either, "yes", "no"]
          BOTH: !If [Both, "yes", "no"]
          GONE: !If [HasExtra, there, !Ref "AWS::NoValue"]
      Events:
        Get: {Type: HttpApi, Properties: {Method: get, Path: /x}}
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt Work.Arn, BatchSize: 4, ScalingConfig: {MaximumConcurrency: !Ref Seconds}}
        Daily:
          Type: ScheduleV2
          Properties: {ScheduleExpression: rate(1 day), State: !If [HasExtra, ENABLED, DISABLED], Input: "{}"}
  OnlyInProduction:
    Type: AWS::Serverless::Function
    Condition: IsProduction
    Properties: {Handler: a.b}
  Work:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub work-${Stage}
      VisibilityTimeout: 42
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Dead: {Type: AWS::SQS::Queue}
  Records:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      TimeToLiveSpecification: {AttributeName: expiration, Enabled: true}
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(text: str = TEMPLATE, **parameters: str) -> SamTemplate:
        path = tmp_path / "template.yaml"
        path.write_text(text)
        return read_template(path, cloud_url="http://aws", api_url="http://api", parameters=parameters)

    return read


def test_intrinsic_functions_give_what_cloudformation_gives(read: Read) -> None:
    environment = read().functions["Reader"].environment
    assert environment == {
        "STAGE": "dev",
        "SHARED": "own",
        "FLAG": "true",
        "URL": "http://aws/123456789012/work-dev",
        "NAME": "work-dev",
        "ARN": "arn:aws:sqs:us-east-1:123456789012:work-dev",
        "TABLE": "omni-relay-local-Records",
        "SUB": "dev-us-east-1-work-dev-${Literal}",
        "SUB_WITH": "7/dev",
        "JOINED": "a-dev-3",
        "SELECTED": "y",
        "CHOSEN": "none",
        "EITHER": "no",
        "BOTH": "no",
    }


def test_parameters_of_ssm_know_the_apis_address(read: Read) -> None:
    text = (
        TEMPLATE
        + """
  Api: {Type: AWS::Serverless::HttpApi}
  Told:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Sub "/x/${Stage}/told", Type: String, Value: !Sub "${Api.ApiEndpoint}/told"}
  Copied:
    Type: AWS::SSM::Parameter
    Condition: HasExtra
    Properties: {Name: !Sub "${Told}-again", Type: String, Value: !GetAtt Told.Value}
"""
    )
    told = Parameter("/x/dev/told", "String", "http://api/told")
    assert read(text).parameters == (told,)
    assert read(text, Extra="more").parameters == (told, Parameter("/x/dev/told-again", "String", "http://api/told"))


def test_parameters_override_and_conditions_follow_them(read: Read) -> None:
    template = read(Extra="more", Stage="prod")
    environment = template.functions["Reader"].environment
    assert (environment["CHOSEN"], environment["GONE"]) == ("more", "there")
    assert (environment["EITHER"], environment["BOTH"]) == ("yes", "yes")
    assert template.functions["Reader"].memory == 1024
    assert (template.functions["Reader"].traced, read().functions["Reader"].traced) == (True, False)
    assert "OnlyInProduction" in template.functions
    assert "OnlyInProduction" not in read().functions


def test_properties_of_globals_hold_where_a_function_has_none(read: Read, tmp_path: Path) -> None:
    function = read(Seconds="9").functions["Reader"]
    assert function.timeout == 9
    assert function.code == tmp_path / "code"
    assert function.name == "omni-relay-local-Reader"


def test_events_queues_and_tables_are_read(read: Read) -> None:
    template = read()
    (route,) = template.routes
    assert (route.method, route.path, route.function) == ("GET", "/x", "Reader")
    (mapping,) = template.mappings
    assert (mapping.queue, mapping.batch_size, mapping.max_concurrency, mapping.reports_failures) == (
        "Work",
        4,
        7,
        False,
    )
    (schedule,) = template.schedules
    assert (schedule.expression, schedule.enabled) == ("rate(1 day)", False)
    assert template.queues["Work"].attributes["VisibilityTimeout"] == "42"
    assert '"maxReceiveCount": 3' in template.queues["Work"].attributes["RedrivePolicy"]
    assert template.tables["Records"].ttl_attribute == "expiration"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("!Ref Work", "!Ref Nothing", "Reader.Environment.Variables.URL"),
        ("!GetAtt Work.QueueName", "!GetAtt Work.Colour", "Reader.Environment.Variables.NAME"),
        ("!Ref Records", "!ImportValue x", "Reader.Environment.Variables.TABLE"),
        ("!If [HasExtra, !Ref Extra, none]", "!If [Unheard, a, b]", "Reader.Environment.Variables.CHOSEN"),
        ("Timeout: !Ref Seconds", "Timeout: soon", "Reader.Timeout"),
        ("Handler: a.b\n      MemorySize", "MemorySize", "Reader.Handler"),
        ("Type: ScheduleV2", "Type: Kinesis", "Reader.Events.Daily"),
        ("Queue: !GetAtt Work.Arn", "Queue: arn:aws:sqs:x", "Reader.Events.Queue.Queue"),
        ("ScheduleExpression: rate(1 day), ", "", "Reader.Events.Daily"),
        ("!FindInMap [Sizes, !Ref Stage, memory]", "!FindInMap [Sizes, none, memory]", "Reader.MemorySize"),
        ("Stage: {Type: String, Default: dev}", "Stage: {Type: String}", "Parameters.Stage"),
    ],
)
def test_what_can_not_be_resolved_names_its_resource_and_property(read: Read, old: str, new: str, place: str) -> None:
    assert old in TEMPLATE
    with pytest.raises(TemplateError) as error:
        read(TEMPLATE.replace(old, new))
    assert error.value.place == place


def test_an_override_of_no_parameter_is_a_mistake(read: Read) -> None:
    with pytest.raises(TemplateError, match=r"Parameters\.Colour"):
        read(Colour="red")


@pytest.mark.parametrize("text", ["a: [", "- a list"])
def test_a_file_that_is_no_template_is_refused(read: Read, text: str) -> None:
    with pytest.raises(TemplateError):
        read(text)


def test_the_projects_own_template_has_what_the_local_stack_needs() -> None:
    template = read_template(PROJECT / "template.yaml", cloud_url="http://aws")
    assert {"WebhookFunction", "DeliveryFunction", "ScheduleFunction"} <= template.functions.keys()
    assert ("POST", "/webhooks/{source}") in {(route.method, route.path) for route in template.routes}
    assert template.functions["WebhookFunction"].environment["QUEUE_URL"] == template.queue_url("Queue", "http://aws")
