"""Which installation a verb is about: samconfig.toml, and what the variables of the command line add to it."""

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.problems import CannotDeployError

SAM_CONFIG = Path("samconfig.toml")


@dataclass(frozen=True, slots=True)
class Installation:
    """`parameters` and `tags` are those of samconfig.toml, overridden by the command line's."""

    config_env: str
    stack: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


def installation(environment: Mapping[str, str], config: Path = SAM_CONFIG) -> Installation:
    """Reads CONFIG_ENV (`default`), STACK, PARAMETERS and TAGS. Raises CannotDeployError."""
    config_env = environment.get("CONFIG_ENV") or "default"
    sections: dict[str, Any] = tomllib.loads(config.read_text()).get(config_env, {})
    if "deploy" not in sections:
        raise CannotDeployError(f"{config} has no section [{config_env}.deploy.parameters], which CONFIG_ENV names")
    settings = sections.get("global", {}).get("parameters", {}) | sections["deploy"]["parameters"]
    return Installation(
        config_env=config_env,
        stack=environment.get("STACK") or settings["stack_name"],
        parameters=pairs(settings.get("parameter_overrides", ""), "parameter_overrides")
        | pairs(environment.get("PARAMETERS", ""), "PARAMETERS"),
        tags=pairs(settings.get("tags", ""), "tags") | pairs(environment.get("TAGS", ""), "TAGS"),
    )


def pairs(text: str | list[str], name: str) -> dict[str, str]:
    """Reads `Stage=prod AlarmEmail=ops@example.com`. Quotes keep blanks together. Raises CannotDeployError."""
    words = shlex.split(text) if isinstance(text, str) else text
    if wrong := [word for word in words if not word.partition("=")[0] or "=" not in word]:
        raise CannotDeployError(f"{name} takes Name=value, not {wrong[0]!r}")
    return {key: value for key, _, value in (word.partition("=") for word in words)}


def as_sam_reads(values: Mapping[str, str]) -> str:
    """Writes pairs as SAM's options take them, each value in quotes."""
    quoted = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in values.items()}
    return " ".join(f'{key}="{value}"' for key, value in quoted.items())
