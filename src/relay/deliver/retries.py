"""When a dispatch is tried again: a table from seconds to hours, walked with full jitter."""

import math
import random
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import accumulate

LONGEST_DELAY = 900  # SQS delays a new message by 15 minutes at most
LONGEST_VISIBILITY = 43_000  # SQS hides a message for 12 hours (43,200 s) at most, counted from its receipt


class Condition(StrEnum):
    """Why a dispatch waits; conditions of the account need a person, so they are tried slowly."""

    TRANSIENT = "transient"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Tries:
    """The history of a dispatch: this attempt's number, from 1, and when the first began (aware)."""

    attempt: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Upper bounds in seconds. A dispatch's age says how far in its table it is, and that it is to be given up:
    what was received without having been tried (another copy held it, the circuit was open) doesn't count.
    """

    transient: tuple[int, ...]
    account: tuple[int, ...]
    rng: random.Random = field(default_factory=random.Random)

    def delay(self, condition: Condition, age: float, retry_after: float | None = None) -> int | None:
        """Seconds until the next attempt of a dispatch whose first was `age` seconds ago.

        None means give up. Full jitter spreads the herd that an outage gathers
        (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/); OMNI's `Retry-After` is a floor.
        """
        table = self.account if condition is Condition.ACCOUNT else self.transient
        bound = next((bound for bound, end in zip(table, accumulate(table), strict=True) if age < end), None)
        if bound is None:
            return None
        jittered = self.rng.uniform(0, bound)
        return math.ceil(min(max(jittered, retry_after or 0, 1), LONGEST_VISIBILITY))
