"""Each failure raises an alarm that says so, and no alarm hides another."""

import re
from typing import Any

import pytest

from sandbox.stack.specs import SamTemplate
from tests.support.template import Json, of_type

FUNCTIONS = {"WebhookFunction", "DeliveryFunction", "ScheduleFunction", "ReportFunction", "ReportPullFunction"}


@pytest.fixture
def alarms(document: dict[str, Any]) -> dict[str, Json]:
    return of_type(document, "AWS::CloudWatch::Alarm")


def watched(alarm: Json) -> list[Json]:
    """The metrics of an alarm, whether it has one or computes with several."""
    return [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one] or [alarm]


def subject(metric: Json) -> str | None:
    """The resource that the first dimension of a metric names, or None if it names a service."""
    value: dict[str, Any] = metric["Dimensions"][0]["Value"]
    named: str | None = value["Fn::GetAtt"][0] if "Fn::GetAtt" in value else value.get("Ref")
    return named


@pytest.mark.parametrize(
    ("metric", "of"),
    [
        ("NumberOfMessagesSent", {"DeadLetterQueue"}),
        ("ApproximateAgeOfOldestMessage", {"Queue", "DeadLetterQueue"}),
        ("Errors", FUNCTIONS),
        ("Throttles", FUNCTIONS),
        ("Duration", FUNCTIONS),
        ("5xx", {"Api"}),
        ("DestinationDeliveryFailures", {"ScheduleFunction"}),
        ("AsyncEventsDropped", {"ScheduleFunction"}),
        ("InvocationsFailedToBeSentToDeadLetterCount", {"ScheduleGroup"}),
    ],
)
def test_what_goes_wrong_raises_an_alarm(alarms: dict[str, Json], metric: str, of: set[str]) -> None:
    metrics = [one for alarm in alarms.values() for one in watched(alarm) if one["MetricName"] == metric]

    assert {subject(one) for one in metrics} == of


def test_an_item_that_lies_in_the_dead_letter_queue_does_not_hide_the_next(alarms: dict[str, Json]) -> None:
    # An alarm on what lies there stays on, and an alarm that is on tells nobody again.
    metrics = [one for alarm in alarms.values() for one in watched(alarm) if subject(one) == "DeadLetterQueue"]

    assert "ApproximateNumberOfMessagesVisible" not in {one["MetricName"] for one in metrics}
    assert alarms["DeadLettersAlarm"]["Statistic"] == "Sum"


def test_somebody_hears_of_a_dead_letter_before_sqs_deletes_it(alarms: dict[str, Json], template: SamTemplate) -> None:
    retention = int(template.queues["DeadLetterQueue"].attributes["MessageRetentionPeriod"])

    assert alarms["DeadLettersExpireAlarm"]["Threshold"] <= retention - 4 * 86_400


@pytest.mark.parametrize(
    "metric",
    [
        *("BreakerOpen", "AccountBlocked", "ConfigurationStale"),
        *("ThrottledWebhooks", "Answered401", "UnexpectedFailures"),
    ],
)
def test_conditions_that_only_we_can_see_raise_an_alarm(
    alarms: dict[str, Json], template: SamTemplate, metric: str
) -> None:
    [alarm] = [one for one in alarms.values() if one.get("MetricName") == metric]
    environment = template.functions["DeliveryFunction"].environment

    assert alarm["Namespace"] == environment["POWERTOOLS_METRICS_NAMESPACE"]
    [dimension] = alarm["Dimensions"]
    assert dimension["Name"] == "service"
    assert dimension["Value"]["Fn::Sub"].replace("${Stage}", "dev") == environment["POWERTOOLS_SERVICE_NAME"]


def test_throttled_webhooks_are_counted_from_the_access_log(document: dict[str, Any]) -> None:
    filters = of_type(document, "AWS::Logs::MetricFilter")
    [api] = of_type(document, "AWS::Serverless::HttpApi").values()
    line = api["AccessLogSettings"]["Format"]["Fn::Sub"]

    assert filters["ThrottledWebhooksFilter"]["FilterPattern"] == '{ $.status = "429" }'
    assert '"status":"$context.status"' in line
    assert '"service":"omni-relay-${Stage}"' in line


@pytest.mark.parametrize("function", ["Webhook", "Delivery"])
def test_an_error_that_a_handler_answers_for_is_counted_from_its_log(
    document: dict[str, Any], project: Any, function: str
) -> None:
    [message] = re.findall(
        r'"(\w+)"', of_type(document, "AWS::Logs::MetricFilter")[f"{function}FailedFilter"]["FilterPattern"]
    )

    assert f'logger.exception("{message}")' in (project / "src" / "handlers" / f"{function.lower()}.py").read_text()


def test_every_filter_tells_stages_apart(document: dict[str, Any]) -> None:
    for one in of_type(document, "AWS::Logs::MetricFilter").values():
        [transformation] = one["MetricTransformations"]
        assert transformation["Dimensions"] == [{"Key": "service", "Value": "$.service"}]


def test_an_alarm_names_the_function_that_is_the_culprit(alarms: dict[str, Json]) -> None:
    for name, alarm in alarms.items():
        of = {subject(metric) for metric in watched(alarm) if metric.get("Namespace") == "AWS/Lambda"}
        assert len(of) <= 1, name
        assert all(function in alarm["AlarmDescription"] or "firing" in alarm["AlarmDescription"] for function in of)


def test_no_expression_needs_a_filled_gap(alarms: dict[str, Json]) -> None:
    # Lambda counts both metrics at each invocation, so both are there or both are missing.
    expressions = [
        one["Expression"] for alarm in alarms.values() for one in alarm.get("Metrics", []) if "Expression" in one
    ]

    assert expressions
    assert not [one for one in expressions if "FILL" in one or "MAX" in one]


@pytest.mark.parametrize(("alarm", "seconds"), [("FastBurnAlarm", 3600), ("SlowBurnAlarm", 21_600)])
def test_one_failure_of_ten_at_night_wakes_nobody(alarms: dict[str, Json], alarm: str, seconds: int) -> None:
    expression, *metrics = alarms[alarm]["Metrics"]

    assert expression["Expression"] == "IF(failed >= 10, 100 * failed / requests, 0)"
    assert {one["MetricStat"]["Period"] for one in metrics} == {seconds}


def test_an_hour_s_fast_burn_is_worse_than_a_slow_one(alarms: dict[str, Json]) -> None:
    budget = 0.1  # percent of the webhooks of 30 days

    assert alarms["FastBurnAlarm"]["Threshold"] == pytest.approx(14.4 * budget)
    assert alarms["SlowBurnAlarm"]["Threshold"] == pytest.approx(6 * budget)


def test_the_duration_alarms_know_each_function_s_timeout(alarms: dict[str, Json], template: SamTemplate) -> None:
    for name, function in template.functions.items():
        [alarm] = [one for one in alarms.values() if one.get("MetricName") == "Duration" and subject(one) == name]
        assert alarm["Threshold"] == function.timeout * 1000 * 0.8


def test_every_alarm_tells_whoever_asked_to_be_told_and_is_quiet_without_traffic(alarms: dict[str, Json]) -> None:
    for alarm in alarms.values():
        told = [action["Fn::If"][:2] for action in alarm["AlarmActions"]]
        assert told == [["HasAlarmTopic", {"Ref": "AlarmTopicArn"}], ["HasAlarmEmail", {"Ref": "AlarmTopic"}]]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmDescription"]


def test_an_address_is_enough_to_be_told(document: dict[str, Any]) -> None:
    topic = document["Resources"]["AlarmTopic"]

    assert topic["Condition"] == "HasAlarmEmail"
    assert topic["Properties"]["Subscription"] == [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]
