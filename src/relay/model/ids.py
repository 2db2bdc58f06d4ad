"""Ids are derived (UUID version 5) from what they identify, never from chance or time.

The same event gives the same dispatches and the same OMNI message ids, so that a repetition is recognised here and at
OMNI.
"""

from uuid import UUID, uuid5

_NAMESPACE = UUID("5f0c4c5e-6d0f-5f0e-9f57-0b1f3b1a4f3e")


def derive_id(*parts: str) -> str:
    """Returns the UUID of the parts. Their lengths are part of it, so that no two lists of parts collide."""
    return str(uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))
