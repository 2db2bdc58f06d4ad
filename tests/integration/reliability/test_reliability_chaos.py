"""Each acknowledged event is sent exactly once, or parked, and followed to its end, even if everything fails at once.

CHAOS_SEED and EVENTS choose the run (`make chaos`), and a failure names both. The seed determines the events, the
processes that are killed and when, the outages, and OMNI's faults. It doesn't determine how threads and processes
interleave.
"""

import os
import random
import sys
from collections.abc import Callable, Iterator

import pytest

from sandbox.stack.settings import StackSettings
from tests.support.chaos import FUNCTIONS, Chaos, Plan, judge
from tests.support.following import await_ends, judge_following
from tests.support.proxies import ProxiedStack
from tests.support.relay_stack import Relay

SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
EVENTS = int(os.environ.get("EVENTS") or 1000)


@pytest.fixture
def chaotic(reliability_settings: Callable[..., StackSettings]) -> Iterator[Relay]:
    parameters = {"DeliveryReports": "push", "EventBusName": "local"}
    # The pull comes each second. OMNI repeats a push that failed after 12 seconds, and delivers after 0.03.
    settings = reliability_settings(processes=6, template_parameters=parameters, rate_scale=60, time_scale=10)
    with ProxiedStack(settings) as stack:
        yield Relay(stack)


def survive(relay: Relay, plan: Plan) -> None:
    sys.stdout.write(f"{plan}\n")  # printed first, in case the run hangs
    chaos = Chaos(relay, plan)
    course = chaos.run()
    verdict = judge(course.acknowledged, relay.messages(), relay.parked())
    report = f"{plan} ({course.seconds:.0f} s; {course.answers}; {course.kills}; {course.outages}): {verdict}"
    sys.stdout.write(f"{report}\n")
    assert not verdict.lost, report
    assert not verdict.twice, report
    assert not verdict.both, report
    assert not verdict.unlike, report
    assert not course.given_up, report
    assert not unexpected(relay), report
    await_ends(relay, 100)  # an end whose teller was killed is told after a minute
    followed = judge_following(relay, course)
    sys.stdout.write(f"{followed}\n")
    assert not followed.wrong, f"{plan}: {followed}"


def unexpected(relay: Relay) -> list[str]:
    """Returns the exceptions that no part of the relay has handled."""
    names = {"webhook_failed", "delivery_failed", "report_failed"}
    return [str(line.get("exception")) for line in relay.all_lines(*FUNCTIONS) if line.get("message") in names]


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_sent_twice(chaotic: Relay) -> None:
    survive(chaotic, Plan(seed=SEED, events=60, outage=1, calm=0.3))


@pytest.mark.chaos
def test_nothing_is_lost_and_nothing_is_sent_twice_in_a_long_run(chaotic: Relay) -> None:
    survive(chaotic, Plan(seed=SEED, events=EVENTS))
