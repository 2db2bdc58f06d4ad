"""When a dispatch is tried again: a table from seconds to hours, walked with full jitter."""

import math
import random
from dataclasses import dataclass, field
from enum import StrEnum

LONGEST_VISIBILITY = 43_000  # SQS hides a message for 12 hours (43,200 s) at most, counted from its receipt


class Condition(StrEnum):
    """Why a dispatch waits; conditions of the account need a person, so they are tried slowly."""

    TRANSIENT = "transient"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Upper bounds in seconds, by attempt; a dispatch is given up when it is older than its table is long."""

    transient: tuple[int, ...]
    account: tuple[int, ...]
    rng: random.Random = field(default_factory=random.Random)

    def delay(self, condition: Condition, attempt: int, age: float, retry_after: float | None = None) -> int | None:
        """Seconds until the next attempt after the `attempt`-th (from 1) of a dispatch `age` seconds old.

        None means give up. Full jitter spreads the herd that an outage gathers
        (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/); OMNI's `Retry-After` is a floor.
        """
        table = self.account if condition is Condition.ACCOUNT else self.transient
        if age >= sum(table):
            return None
        bound = table[min(max(attempt, 1), len(table)) - 1]
        jittered = self.rng.uniform(0, bound)
        return math.ceil(min(max(jittered, retry_after or 0, 1), LONGEST_VISIBILITY))
