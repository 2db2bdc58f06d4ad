"""Explains found events by a configuration: that of relay.yaml, or the one that is deployed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aws.key_sets import KeySetsHttp
from aws.sns import SnsHttp
from cli.events import Found, Webhook
from cli.frame import Mistake
from configuration.files import read_yaml
from configuration.sources import FileConfiguration
from relay.configure.sources import SCHEDULE, ConfigurationMistake, Source
from relay.explain.explainer import Explainer
from relay.explain.explanation import Explanation
from relay.model.events import Event
from relay.ports import Configuration

if TYPE_CHECKING:
    from cli.target import Target

DESTINATIONS_PER_REQUEST = 100  # the default of MaxDestinationsPerRequest
LOCAL_SECRETS = Path("secrets.local.yaml")
LOCAL_ACCOUNT = "123456789012"  # the one of the local stack
_ACCOUNT = re.compile(r"arn:[^:]+:cloudformation:(?P<region>[^:]+):(?P<account>\d{12}):")


class NoSource(Mistake):
    """The event is for a source that isn't configured."""


@dataclass(frozen=True, slots=True)
class Explaining:
    """Explains what was found. `verifies` is False where no secret is known."""

    configuration: Configuration
    explainer: Explainer
    verifies: bool = True

    def __call__(self, found: Found) -> Iterator[Explanation]:
        """Yields an explanation for each event. Raises Mistake."""
        if isinstance(found, Webhook):
            source = self._source(found.source)
            verify = found.signed and self.verifies and bool(source.secrets or not source.verification.has_secret)
            yield self.explainer.webhook(found.request, source, verify=verify)
        elif isinstance(found, Event):
            yield self.explainer.event(found, self._source(found.source))
        elif found.event:
            yield self.explainer.event(found.event, _unmuted(self._source(found.event.source)))
        elif found.dispatch:
            yield self.explainer.dispatch(found.dispatch)

    def _source(self, name: str) -> Source:
        try:
            source = SCHEDULE if name == SCHEDULE.name else self.configuration.source(name)
        except ConfigurationMistake as mistake:
            raise Mistake(f"{mistake}; omni-relay check names all mistakes") from None
        if source is None:
            raise NoSource(f"there is no source {name}: it is none under `sources`")
        return source


def _unmuted(source: Source) -> Source:
    """A mute is for events that come while it lasts. What was queued or parked before is sent."""
    return replace(source, muted=False, mutes={}, routes=tuple(replace(rule, muted=False) for rule in source.routes))


def by_files(config: Path, secrets: Path | None) -> Explaining:
    """Explains by relay.yaml. Raises Unreadable."""
    known = secrets or (config.parent / LOCAL_SECRETS if (config.parent / LOCAL_SECRETS).is_file() else None)
    return by_content(FileConfiguration(read_yaml(config), read_yaml(known) if known else {}))


def by_content(configuration: FileConfiguration, *, verifies: bool = True) -> Explaining:
    return Explaining(configuration, _explainer(configuration, "not deployed"), verifies)


def by_target(target: "Target") -> Explaining:
    """Explains by what the stack has in SSM. Only so are the ids of messages those that OMNI gets."""
    from aws.configuration import SsmConfiguration

    mistakes: list[str] = []
    configuration = SsmConfiguration(target.client("ssm"), target.prefix, 300, on_mistake=mistakes.append)
    return Explaining(configuration, _explainer(configuration, _installation(target)))


def _explainer(configuration: Configuration, installation: str) -> Explainer:
    return Explainer(
        scenario_key=configuration.scenario_key,
        destinations_per_request=DESTINATIONS_PER_REQUEST,
        installation=installation,
        sns=SnsHttp(),
        now=lambda: datetime.now(UTC),
        key_sets=KeySetsHttp(on_stale=lambda: None),
    )


def _installation(target: "Target") -> str:
    """Returns what template.yaml sets as INSTALLATION."""
    stage = target.prefix.rpartition("/")[2]
    if target.run is not None:
        return f"{LOCAL_ACCOUNT}/{target.run['region']}/{stage}"
    stack = target.client("cloudformation").describe_stacks(StackName=target.stack)["Stacks"][0]
    place = _ACCOUNT.match(stack["StackId"])
    return f"{place['account']}/{place['region']}/{stage}" if place else stage
