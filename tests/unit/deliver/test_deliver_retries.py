"""The retry table gives random delays below its bounds, waits at least Retry-After, and gives up by age."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.deliver.retries import LONGEST_VISIBILITY, retry_delay

BOUNDS = (5, 15, 60, 300)


def delay(age, retry_after=None, seed=1):
    return retry_delay(BOUNDS, age, retry_after, jitter=random.Random(seed).uniform)


@pytest.mark.parametrize(("age", "bound"), [(0, 5), (4.9, 5), (5, 15), (19, 15), (20, 60), (79, 60), (80, 300)])
@given(seed=st.integers(0, 1000))
def test_a_delay_is_between_a_second_and_the_bound_for_its_age(age, bound, seed):
    assert 1 <= delay(age, seed=seed) <= bound


def test_delays_are_spread_over_the_whole_range():
    drawn = [delay(age=80, seed=seed) for seed in range(200)]
    assert min(drawn) < 30
    assert max(drawn) > 270


@given(retry_after=st.floats(0, 1e6))
def test_retry_after_is_a_floor_up_to_what_sqs_can_hide(retry_after):
    assert min(retry_after, LONGEST_VISIBILITY) <= delay(age=0, retry_after=retry_after) <= LONGEST_VISIBILITY


def test_a_dispatch_is_given_up_when_it_is_older_than_the_table():
    assert delay(age=379) is not None
    assert delay(age=380) is None
