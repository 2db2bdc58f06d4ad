"""Mutes of sources and routes: a parameter beside the source's others, which holds the time until which it is muted."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from cli.frame import Mistake
from relay.configure.sources import parse_mute
from relay.problems import Mistake as Malformed

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_MUTE = re.compile(r"sources/(?P<source>[^/]+)/muted(?:/(?P<route>[^/]+))?")
_SETTINGS = re.compile(r"sources/(?P<source>[^/]+)/(?:settings|routes/(?P<route>[^/]+))")


@dataclass(frozen=True, slots=True)
class Mute:
    """`what` is a source or `source/route`. `until` is None if the parameter can't be read; it then mutes nothing."""

    what: str
    until: datetime | None

    @property
    def lasts(self) -> bool:
        return self.until is not None and self.until > datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Mutes:
    """The mutes of the relay whose parameters' names begin with `prefix`."""

    client: "SSMClient"
    prefix: str

    def set(self, what: str, until: datetime) -> None:
        """Mutes a source or `source/route` until that time (aware). Raises Mistake if there is none of that name."""
        self._check(what)
        value = until.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self.client.put_parameter(Name=self._name(what), Value=value, Type="String", Overwrite=True)

    def end(self, what: str) -> bool:
        """Ends a mute. Says whether there was one. Raises Mistake if there is nothing of that name."""
        deleted = self.client.delete_parameters(Names=[self._name(what)])["DeletedParameters"]
        if not deleted:
            self._check(what)
        return bool(deleted)

    def all(self) -> list[Mute]:
        """Returns all mutes by name, those that have ended too."""
        return sorted(_mutes(self._parameters("sources")), key=lambda mute: mute.what)

    def _check(self, what: str) -> None:
        found = [_SETTINGS.fullmatch(name) for name in self._parameters("sources")]
        names = sorted("/".join(filter(None, one.group("source", "route"))) for one in found if one)
        source, _, _ = what.partition("/")
        if what not in names:
            near = get_close_matches(what, names, 1) or [name for name in names if name.startswith(f"{source}/")][:1]
            hint = f"; did you mean {near[0]}?" if near else ""
            raise Mistake(f"{what} is neither a source nor SOURCE/ROUTE of the pushed configuration{hint}")

    def _name(self, what: str) -> str:
        source, slash, route = what.partition("/")
        return f"{self.prefix}/sources/{source}/muted{slash}{route}"

    def _parameters(self, path: str) -> Mapping[str, str]:
        pages = self.client.get_paginator("get_parameters_by_path").paginate(
            Path=f"{self.prefix}/{path}", Recursive=True
        )
        found = [parameter for page in pages for parameter in page["Parameters"]]
        return {one["Name"].removeprefix(f"{self.prefix}/"): one["Value"] for one in found}


def _mutes(parameters: Mapping[str, str]) -> Iterator[Mute]:
    for name, value in parameters.items():
        found = _MUTE.fullmatch(name)
        if found is None:
            continue
        try:
            until = parse_mute(value)
        except Malformed:
            until = None
        yield Mute("/".join(filter(None, found.group("source", "route"))), until)
