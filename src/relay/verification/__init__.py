"""Who sent this request? Presets for known senders, descriptions for others; all over the raw bytes.

>>> parse("github").delivery
'queued'
"""

from relay.verification.presets import PRESETS, parse
from relay.verification.primitives import CertificateSource
from relay.verification.verification import Delivery, Verification

__all__ = [
    "PRESETS",
    "CertificateSource",
    "Delivery",
    "Verification",
    "parse",
]
