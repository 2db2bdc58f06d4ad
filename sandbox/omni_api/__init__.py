"""A stand-in for the OMNI API, for development and tests: written from the published facts, apart from src/omni."""

from sandbox.omni_api.app import create_app
from sandbox.omni_api.settings import SandboxSettings, settings_from

__all__ = ["SandboxSettings", "create_app", "settings_from"]
