"""Who sent this request? Presets for known senders, descriptions for others; all over the raw bytes.

>>> parse("github").preset.delivery
'queued'
"""

from relay.problems import NotAuthenticated, Unavailable
from relay.verification.presets import PRESETS, Preset
from relay.verification.primitives import CertificateSource
from relay.verification.verification import Verification, parse

__all__ = [
    "PRESETS",
    "CertificateSource",
    "NotAuthenticated",
    "Preset",
    "Unavailable",
    "Verification",
    "parse",
]
