"""An attempt to send a dispatch, and when the next one is due: a table from seconds to hours, with full jitter."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from relay.model.dispatches import Dispatch

LONGEST_DELAY = 900  # SQS delays a new message by 15 minutes at most
LONGEST_VISIBILITY = 43_000  # SQS hides a message for 12 hours (43,200 s) at most, counted from its receipt


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send `dispatch`: its `number` from 1, when the first attempt began, and when this one did."""

    dispatch: Dispatch
    number: int
    first_at: datetime
    started: datetime


def retry_delay(
    bounds: Sequence[int],
    age: float,
    retry_after: float | None = None,
    *,
    jitter: Callable[[float, float], float],
) -> int | None:
    """Returns the seconds until the next attempt, or None when it is time to give up.

    Args:
        bounds: the longest wait before each further attempt, in seconds. Their sum is the age at which to give up.
        age: seconds since the first attempt began. The age chooses the bound, because the queue may hand a message out
            without an attempt, while another copy holds the dispatch or the circuit is open.
        retry_after: OMNI's own wish in seconds; the wait is never shorter.
        jitter: draws the wait between zero and the bound, which spreads the herd that an outage gathers
            (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    bound = next((bound for bound, end in zip(bounds, accumulate(bounds), strict=True) if age < end), None)
    if bound is None:
        return None
    return math.ceil(min(max(jitter(0, bound), retry_after or 0, 1), LONGEST_VISIBILITY))
