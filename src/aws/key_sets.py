"""Key sets (JWKS) over HTTPS, kept in memory: the last good keys serve for a day if their host fails."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws import https
from relay.problems import Unavailable

LAST_GOOD_SECONDS = 86_400
RETRY_SECONDS = 30  # after a failure, so that a host that is down costs no time-out for each event
_ENDPOINT = "KEY_SETS_ENDPOINT_URL"  # names another endpoint in the local stack

Key = Mapping[str, Any]


@dataclass(slots=True)
class _Kept:
    keys: Sequence[Key] = ()
    fetched_at: float = float("-inf")
    failed_at: float = float("-inf")


class KeySetsHttp:
    """See `relay.ports.KeySets`. `on_stale` is called when keys serve whose host fails, `clock` gives seconds."""

    def __init__(self, on_stale: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._on_stale, self._clock = on_stale, clock
        self._kept: dict[str, _Kept] = {}

    def keys(self, url: str, max_age: float) -> Sequence[Key]:
        """Returns the set's keys, fetched at most `max_age` seconds ago if the host answers. Raises Unavailable."""
        kept, now = self._kept.setdefault(url, _Kept()), self._clock()
        if now - kept.fetched_at <= max_age:
            return kept.keys
        if now - kept.failed_at > RETRY_SECONDS:
            try:
                kept.keys, kept.fetched_at = _fetched(url), now
            except https.FAILURES:
                kept.failed_at = now
            else:
                return kept.keys
        if now - kept.fetched_at > LAST_GOOD_SECONDS:
            raise Unavailable("The sender's keys can't be fetched now; send it again.")
        self._on_stale()
        return kept.keys


def _fetched(url: str) -> Sequence[Key]:
    """Returns the keys of a JSON Web Key Set. Raises https.FAILURES for anything else, so that it replaces no keys."""
    try:
        found = json.loads(https.get(url, endpoint_variable=_ENDPOINT))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise ValueError("not a key set")
    return keys
