"""The retry table: jittered below its bounds, raised by Retry-After, ended by age."""

import random

from hypothesis import given
from hypothesis import strategies as st

from relay.retries import LONGEST_VISIBILITY, Condition, RetrySchedule

TRANSIENT = (5, 15, 60, 300)


def schedule(seed=1):
    return RetrySchedule(transient=TRANSIENT, account=(900,), rng=random.Random(seed))


@given(attempt=st.integers(1, 50), seed=st.integers(0, 1000))
def test_a_delay_is_between_a_second_and_its_bound(attempt, seed):
    delay = schedule(seed).delay(Condition.TRANSIENT, attempt, age=0)
    assert 1 <= delay <= TRANSIENT[min(attempt, len(TRANSIENT)) - 1]


def test_delays_are_spread_over_the_whole_range():
    drawn = [schedule(seed).delay(Condition.TRANSIENT, 4, age=0) for seed in range(200)]
    assert min(drawn) < 30
    assert max(drawn) > 270


@given(retry_after=st.floats(0, 1e6))
def test_retry_after_is_a_floor_up_to_what_sqs_can_hide(retry_after):
    delay = schedule().delay(Condition.TRANSIENT, 1, age=0, retry_after=retry_after)
    assert delay >= min(retry_after, LONGEST_VISIBILITY)
    assert delay <= LONGEST_VISIBILITY


def test_a_dispatch_is_given_up_when_it_is_older_than_the_table():
    assert schedule().delay(Condition.TRANSIENT, 1, age=379) is not None
    assert schedule().delay(Condition.TRANSIENT, 1, age=380) is None
    assert schedule().delay(Condition.ACCOUNT, 1, age=899) is not None
