"""Reads what `sam build` made, and for which processor.

The functions hold libraries for one processor. With another `Architecture` they would deploy and fail at their first
import, so the built template admits no other.
"""

import tomllib
from pathlib import Path
from typing import Any

import yaml

from deploy.problems import CannotDeployError

FOLDER = Path(".aws-sam")


def built_for(folder: Path = FOLDER) -> str:
    """Returns the processor in SAM's record of the build: `arm64` or `x86_64`. Raises CannotDeployError."""
    record = folder / "build.toml"
    if not record.is_file():
        raise CannotDeployError(f"{record} is missing. Build first: make build")
    builds = tomllib.loads(record.read_text())["function_build_definitions"].values()
    return str(next(iter(builds))["architecture"])  # src/build.py builds all functions for one


def admit_only(architecture: str, folder: Path = FOLDER) -> None:
    """Makes the built template refuse every other processor, so that a wrong one fails before anything changes."""
    path = folder / "build" / "template.yaml"
    template: dict[str, Any] = yaml.safe_load(path.read_text())
    template["Parameters"]["Architecture"] |= {"Default": architecture, "AllowedValues": [architecture]}
    path.write_text(yaml.safe_dump(template, sort_keys=False))
