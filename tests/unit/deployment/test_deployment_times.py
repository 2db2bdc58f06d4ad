"""The relations between timeouts, retries and retention that the promises rest on, whatever the figures are."""

import json
from typing import Any

from handlers.environment import Environment
from sandbox.stack.specs import MappingSpec, SamTemplate

DAY = 86_400


def mapping_of(template: SamTemplate) -> MappingSpec:
    [mapping] = template.mappings
    return mapping


def environment_of(template: SamTemplate) -> Environment:
    return Environment.read(template.functions["DeliveryFunction"].environment)


def test_a_webhook_is_answered_before_api_gateway_gives_up(template: SamTemplate) -> None:
    webhook = template.functions["WebhookFunction"]
    call = Environment.read(webhook.environment).omni_timeout_seconds

    assert call + 5 <= webhook.timeout <= 29


def test_a_batch_whose_every_call_hangs_ends_before_the_timeout(
    template: SamTemplate, document: dict[str, Any]
) -> None:
    mapping = mapping_of(template)
    longest = document["Parameters"]["OmniTimeoutSeconds"]["MaxValue"]

    assert mapping.batch_size * longest < template.functions[mapping.function].timeout


def test_a_message_stays_hidden_for_six_timeouts_of_its_function(template: SamTemplate) -> None:
    mapping = mapping_of(template)
    hidden = int(template.queues[mapping.queue].attributes["VisibilityTimeout"])

    assert hidden >= 6 * template.functions[mapping.function].timeout


def test_one_bad_dispatch_does_not_bring_back_its_batch(template: SamTemplate) -> None:
    assert mapping_of(template).reports_failures


def test_deliveries_leave_room_for_other_traffic_at_omni(template: SamTemplate) -> None:
    concurrency = mapping_of(template).max_concurrency

    assert concurrency is not None
    assert 2 <= concurrency <= 1000


def test_retries_reach_about_a_day_and_each_fits_what_sqs_can_hide(template: SamTemplate) -> None:
    read = environment_of(template)

    for delays in (read.retry_delays, read.account_retry_delays):
        assert list(delays) == sorted(delays)
        assert 0.9 * DAY <= sum(delays) <= 1.1 * DAY
        assert max(delays) < DAY / 2 - 600


def test_conditions_of_the_account_are_retried_slowly(template: SamTemplate) -> None:
    read = environment_of(template)

    assert read.account_retry_delays[0] > 60 * read.retry_delays[0]


def test_the_safety_net_never_catches_what_the_function_still_retries(template: SamTemplate) -> None:
    read = environment_of(template)
    redrive = json.loads(template.queues["Queue"].attributes["RedrivePolicy"])

    assert redrive["maxReceiveCount"] > 2 * (len(read.retry_delays) + len(read.account_retry_delays))


def test_both_queues_keep_for_the_longest_that_sqs_allows(template: SamTemplate) -> None:
    assert {queue.attributes["MessageRetentionPeriod"] for queue in template.queues.values()} == {str(14 * DAY)}


def test_a_dispatch_is_remembered_longer_than_a_copy_of_it_can_wait(
    template: SamTemplate, document: dict[str, Any]
) -> None:
    assert environment_of(template).record_ttl_seconds > 14 * DAY
    assert document["Parameters"]["RecordTtlSeconds"]["MinValue"] >= 14 * DAY


def test_a_body_that_we_take_fits_into_an_invocation_once_it_is_base64(document: dict[str, Any]) -> None:
    assert document["Parameters"]["MaxBodyBytes"]["MaxValue"] * 4 / 3 < 5.8 * 2**20
