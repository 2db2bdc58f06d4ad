"""Writes relay.yaml and its secrets into SSM: only what changed; what is gone from the file is deleted."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from configuration.parameters import Parameter
from relay.verification import parse

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_OWNED = ("scenarios/", "sources/", "source-names/")  # a push replaces the account's parameters, but deletes none
DELETES_A_CALL = 10


class _Key(TypedDict, total=False):
    KeyId: str


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes that a push would make.

    `missing` names parameters that are needed and are neither in the files nor in SSM.
    """

    written: tuple[Parameter, ...]
    deleted: tuple[str, ...]
    unchanged: int
    missing: tuple[str, ...]


def changes(client: "SSMClient", prefix: str, wanted: Sequence[Parameter], *, encrypts_anew: bool = False) -> Changes:
    """Compares `wanted` with SSM. `encrypts_anew` writes each secret, because its value doesn't tell its key."""
    current = _current(client, prefix)
    names = {parameter.name for parameter in wanted}
    written = tuple(p for p in wanted if current.get(p.name) != p.value or (encrypts_anew and p.type == "SecureString"))
    return Changes(
        written=written,
        deleted=tuple(sorted(n for n in current if _is_stale(n.removeprefix(f"{prefix}/"), prefix, names, n))),
        unchanged=len(wanted) - len(written),
        missing=tuple(sorted(_needed(wanted, prefix) - names - current.keys())),
    )


def _needed(wanted: Sequence[Parameter], prefix: str) -> set[str]:
    of_sources = re.compile(rf"{re.escape(prefix)}/sources/[^/]+/settings")
    settings = {p.name: json.loads(p.value) for p in wanted if of_sources.fullmatch(p.name)}
    with_secret = (name for name, given in settings.items() if parse(given["verify"]).has_secret)
    secrets = (f"{name.removesuffix('settings')}secrets" for name in with_secret)
    return {f"{prefix}/omni/base-url", f"{prefix}/omni/authorization", *secrets}


def apply(client: "SSMClient", planned: Changes, kms_key_id: str | None = None) -> None:
    """Carries the changes out. The index is written last, so that no source is announced before it is whole.

    Secrets are encrypted with `kms_key_id`, or with the account's `aws/ssm` if it is None.
    """
    key: _Key = {"KeyId": kms_key_id} if kms_key_id else {}
    for parameter in sorted(planned.written, key=lambda p: "/source-names/" in p.name):
        client.put_parameter(
            Name=parameter.name,
            Value=parameter.value,
            Type=parameter.type,
            Overwrite=True,
            **(key if parameter.type == "SecureString" else {}),
        )
    for start in range(0, len(planned.deleted), DELETES_A_CALL):
        client.delete_parameters(Names=list(planned.deleted[start : start + DELETES_A_CALL]))


def _is_stale(name: str, prefix: str, wanted: set[str], full: str) -> bool:
    """Says whether a push deletes the parameter. A source that stays keeps its secrets, repeated in the file or not."""
    if full in wanted or not name.startswith(_OWNED):
        return False
    if name.startswith("sources/") and name.endswith("/secrets"):
        return f"{prefix}/{name.removesuffix('/secrets')}/settings" not in wanted
    return True


def _current(client: "SSMClient", prefix: str) -> dict[str, str]:
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=prefix, Recursive=True, WithDecryption=True)
    return {p["Name"]: p["Value"] for page in pages for p in page["Parameters"]}
