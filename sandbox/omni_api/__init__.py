"""A stand-in for the OMNI API, for development and tests.

It is written from the published facts and shares no code with src/omni. A mistake of the client then fails against it.
"""

from sandbox.omni_api.app import create_app
from sandbox.omni_api.settings import SandboxSettings, settings_from

__all__ = ["SandboxSettings", "create_app", "settings_from"]
