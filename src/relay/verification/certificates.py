"""Signing certificates kept for a while: SNS signs every message with the same few."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from relay.verification.primitives import CertificateSource


@dataclass(slots=True)
class CachedCertificates:
    """Fetches each address once per `ttl` seconds, and keeps the `size` last used; failures are not kept."""

    source: CertificateSource
    ttl: float = 3600
    size: int = 16
    clock: Callable[[], float] = time.monotonic
    _kept: OrderedDict[str, tuple[float, bytes]] = field(default_factory=OrderedDict, init=False)

    def fetch(self, url: str) -> bytes:
        fetched_at, pem = self._kept.get(url, (float("-inf"), b""))
        if self.clock() - fetched_at >= self.ttl:
            fetched_at, pem = self.clock(), self.source.fetch(url)
        self._kept[url] = (fetched_at, pem)
        self._kept.move_to_end(url)
        while len(self._kept) > self.size:
            self._kept.popitem(last=False)
        return pem
