"""`python -m deploy VERB`: what `make build`, `deploy`, `protect`, `unprotect` and `uninstall` do."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from deploy import sam
from deploy.account import account
from deploy.installation import Installation, installation
from deploy.problems import CannotDeployError
from deploy.protection import protect
from deploy.removal import Removal

Verb = Callable[[Installation, Mapping[str, str], Sequence[str]], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 not done."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description="Deploys the OMNI relay.")
    parser.add_argument("verb", choices=_VERBS)
    parsed, rest = parser.parse_known_args(arguments)
    try:
        _VERBS[parsed.verb](installation(os.environ), os.environ, rest)
    except (CannotDeployError, BotoCoreError, ClientError, WaiterError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def _build(chosen: Installation, _: Mapping[str, str], arguments: Sequence[str]) -> None:
    sam.build(chosen, arguments)


def _deploy(chosen: Installation, environment: Mapping[str, str], arguments: Sequence[str]) -> None:
    there = account()
    print(f"Deploying {chosen.stack} to account {there.id} in {there.region}")
    sam.deploy(chosen, there, environment, arguments)


def _protect(chosen: Installation, _: Mapping[str, str], __: Sequence[str]) -> None:
    protect(account().session.client("cloudformation"), chosen.stack, on=True)
    print(f"{chosen.stack} can't be deleted, and no update can replace or delete a table or queue")


def _unprotect(chosen: Installation, _: Mapping[str, str], __: Sequence[str]) -> None:
    protect(account().session.client("cloudformation"), chosen.stack, on=False)
    print(f"{chosen.stack} can be deleted again")


def _uninstall(chosen: Installation, environment: Mapping[str, str], _: Sequence[str]) -> None:
    """Lists what would go, and removes it only if REMOVE is the stack's name. KEEP_DATA=1 keeps table and queues."""
    there = account()
    removal = Removal(there.session, chosen.stack)
    keeps_data = bool(environment.get("KEEP_DATA"))
    print(f"stack     {chosen.stack} in account {there.id}, {there.region}, with its functions, logs and alarms")
    for left in removal.data():
        print(f"{'retained' if keeps_data else 'data    '}  {left.name}: {left.id}")
    for name in removal.parameters():
        print(f"parameter {name}")
    if environment.get("REMOVE") != chosen.stack:
        raise CannotDeployError(f"Nothing was removed. To remove all of it for good: REMOVE={chosen.stack}")
    removal.delete_stack()
    if not keeps_data:
        removal.delete_data()
    removal.delete_parameters()
    removal.delete_code()
    print("Removed.")


_VERBS: dict[str, Verb] = {
    "build": _build,
    "deploy": _deploy,
    "protect": _protect,
    "unprotect": _unprotect,
    "uninstall": _uninstall,
}

if __name__ == "__main__":
    sys.exit(main())
