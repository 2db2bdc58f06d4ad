"""The changes that a push or a rollback would make: the parameters in SSM compared with those that are wanted."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from configuration.parameters import Parameter
from relay.verification import parse

State = Mapping[str, Parameter]  # by names without the prefix

# What a push makes of the files, and so deletes once it is gone from them. Secrets need their own word. Everything else
# under the prefix is somebody else's: the stack's claim, a mute, the account, a token.
_MADE = re.compile(r"scenarios/[^/]+|sources/[^/]+/(?:settings|routes/[^/]+)|source-names/\d+|schedules/[^/]+")
_SECRETS = re.compile(r"(sources/[^/]+)/secrets")
_OF_A_SOURCE = re.compile(r"(sources/[^/]+)/")
_WORDS = (
    (r"scenarios/(.+)", "scenario {}"),
    (r"sources/([^/]+)/settings", "source {}"),
    (r"sources/([^/]+)/routes/(.+)", "source {}, route {}"),
    (r"sources/([^/]+)/secrets", "source {}, secrets"),
    (r"source-names/(\d+)", "index of sources, page {}"),
    (r"schedules/(.+)", "schedule {}"),
    (r"omni/base-url", "OMNI's address"),
    (r"omni/authorization", "OMNI's authorization"),
    (r"reports/token", "token of the reports' address"),
    (r"records/key", "key of the records"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One parameter that is written or deleted. `before` or `after` is None if there is none."""

    name: str
    before: Parameter | None
    after: Parameter | None

    @property
    def kind(self) -> Literal["add", "change", "delete"]:
        return "add" if self.before is None else "delete" if self.after is None else "change"

    @property
    def is_secret(self) -> bool:
        return any(side and side.type == "SecureString" for side in (self.before, self.after))

    @property
    def is_index(self) -> bool:
        """Whether it only follows from the sources' names, so that nobody needs to read it."""
        return self.name.startswith("source-names/")

    @property
    def what(self) -> str:
        return described(self.name)


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes, deletions first.

    Attributes:
        number: the last push that the plan knows of; 0 if there was none. Another one since refuses the plan.
        kept_secrets: secrets whose source goes, and that stay unless a push is told to delete them.
        missing: parameters that are needed, and are neither in the files nor in SSM.
        after: all that SSM will hold under the prefix, but for secrets.
    """

    number: int
    changes: tuple[Change, ...]
    unchanged: int
    kept_secrets: tuple[str, ...]
    missing: tuple[str, ...]
    after: State

    @property
    def counts(self) -> dict[str, int]:
        """How many parameters are added, changed and deleted."""
        kinds = [change.kind for change in self.changes]
        return {f"{kind}d" if kind != "add" else "added": kinds.count(kind) for kind in ("add", "change", "delete")}


def plan_of(
    current: State,
    wanted: Iterable[Parameter],
    number: int,
    *,
    encrypts_anew: bool = False,
    deletes_secrets: bool = False,
) -> Plan:
    """Compares. The names in `wanted` have no prefix.

    `encrypts_anew` writes each secret, because its value doesn't tell its key.
    """
    new = {parameter.name: parameter for parameter in wanted}
    gone = {name for name in current if _MADE.fullmatch(name) and name not in new}
    leftover = {name for name in current if _source_goes(name, current, new)}
    secrets = {name for name in leftover if _SECRETS.fullmatch(name)}
    gone |= leftover - secrets | (secrets if deletes_secrets else set())
    written = {
        name: parameter
        for name, parameter in new.items()
        if current.get(name) != parameter or (encrypts_anew and parameter.type == "SecureString")
    }
    changes = [Change(name, current[name], None) for name in sorted(gone)]
    changes += [Change(name, current.get(name), parameter) for name, parameter in sorted(written.items())]
    after = {**{name: one for name, one in current.items() if name not in gone}, **new}
    return Plan(
        number=number,
        changes=tuple(changes),
        unchanged=len(new) - len(written),
        kept_secrets=() if deletes_secrets else tuple(sorted(secrets)),
        missing=tuple(sorted(_needed(after) - after.keys())),
        after={name: one for name, one in after.items() if one.type != "SecureString"},
    )


def changes_between(before: State, after: State) -> list[Change]:
    """Gives what differs between two states, deletions first."""
    names = sorted(before.keys() | after.keys(), key=lambda name: (name in after, name))
    found = [Change(name, before.get(name), after.get(name)) for name in names]
    return [change for change in found if change.before != change.after]


def described(name: str) -> str:
    """Gives a parameter's name in the words of relay.yaml, such as `source ci, route failed`."""
    for pattern, words in _WORDS:
        if found := re.fullmatch(pattern, name):
            return words.format(*found.groups())
    return name


def _source_goes(name: str, current: State, new: Mapping[str, Parameter]) -> bool:
    """Says whether the parameter belongs to a source that is there now, and isn't wanted any more."""
    source = _OF_A_SOURCE.match(name)
    settings = f"{source[1]}/settings" if source else ""
    return settings in current and settings not in new


def _needed(after: State) -> set[str]:
    with_secret = (name.removesuffix("settings") for name in after if _needs_secret(name, after))
    return {"omni/base-url", "omni/authorization", *(f"{source}secrets" for source in with_secret)}


def _needs_secret(name: str, after: State) -> bool:
    if not re.fullmatch(r"sources/[^/]+/settings", name):
        return False
    return parse(json.loads(after[name].value)["verify"]).has_secret


def fields_of(parameter: Parameter | None) -> Mapping[str, str]:
    """Gives what a parameter says, field by field, as relay.yaml has it: JSON values in one line each."""
    if parameter is None:
        return {}
    if parameter.type in {"String", "Schedule"} and parameter.value.startswith("{"):
        content: Mapping[str, object] = json.loads(parameter.value)
        return {name: json.dumps(value, ensure_ascii=False) for name, value in content.items()}
    return {"": parameter.value}


def differences(change: Change) -> Iterator[tuple[str, str | None, str | None]]:
    """Gives each field that differs, with its value before and after; None if it has none."""
    before, after = fields_of(change.before), fields_of(change.after)
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)
