"""`sam build` and `sam deploy`, with answers to all that they would ask."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.account import Account
from deploy.built import admit_only, built_for
from deploy.installation import Installation, as_sam_reads
from deploy.problems import CannotDeployError

SAM = Path(sys.executable).with_name("sam")


def build(chosen: Installation, arguments: Sequence[str]) -> None:
    """Builds, and ties the built template to the processor that it was built for."""
    parameters = ["--parameter-overrides", as_sam_reads(chosen.parameters)] if chosen.parameters else []
    _run("build", "--config-env", chosen.config_env, *parameters, *arguments)
    admit_only(built_for())


def deploy(chosen: Installation, account: Account, environment: Mapping[str, str], arguments: Sequence[str]) -> None:
    """Deploys what was built. CONFIRM=1 asks before the change set is executed, else nothing is asked.

    Raises CannotDeployError, also if another processor is wanted than the functions were built for.
    """
    _run(*deployment(chosen, built_for(), account.region, environment), *arguments)


def deployment(chosen: Installation, built: str, region: str, environment: Mapping[str, str]) -> list[str]:
    """Returns the arguments of `sam deploy`. Raises CannotDeployError."""
    wanted = chosen.parameters.get("Architecture", built)
    if wanted != built:
        raise CannotDeployError(
            f"Architecture={wanted} is wanted, but the functions are built for {built}."
            f' Build them for it: make build PARAMETERS="Architecture={wanted}"'
        )
    command = ["deploy", "--config-env", chosen.config_env, "--stack-name", chosen.stack, "--region", region]
    # The folder in SAM's bucket is the stack's own, so that `make uninstall` can empty it.
    command += ["--s3-prefix", chosen.stack]
    command += ["--parameter-overrides", as_sam_reads({**chosen.parameters, "Architecture": built})]
    command += ["--tags", as_sam_reads(chosen.tags)] if chosen.tags else []
    role = environment.get("CLOUDFORMATION_ROLE_ARN")
    command += ["--role-arn", role] if role else []
    return [*command, "--confirm-changeset" if environment.get("CONFIRM") else "--no-confirm-changeset"]


def _run(*arguments: str) -> None:
    if code := subprocess.run([str(SAM), *arguments], check=False).returncode:
        raise CannotDeployError(f"sam {arguments[0]} ended with exit code {code}; its own lines above say why")
