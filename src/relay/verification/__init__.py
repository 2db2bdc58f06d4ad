"""Verifies who sent a request, over its raw bytes: presets for known senders, descriptions for any others.

>>> parse("github").delivery
'queued'
"""

from relay.verification.presets import PRESETS, parse
from relay.verification.verification import Delivery, Verification

__all__ = [
    "PRESETS",
    "Delivery",
    "Verification",
    "parse",
]
