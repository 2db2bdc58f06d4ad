"""A source as configured, checked when it is loaded: how its requests are verified, and the routes of its events."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from relay.configure.expressions import Expression
from relay.configure.routes import EVENT, Route, compile_field, compile_route
from relay.configure.schemas import BodySchema, compile_schema
from relay.configure.settings import at, read
from relay.problems import Mistake
from relay.verification import Delivery, Verification, parse

SOURCE_NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
WHOLE = ""  # stands for the source itself among its mutes


class ConfigurationMistake(Mistake):
    """A mistake in the configuration.

    Attributes:
        route: None for a mistake in the source's settings.
        field: empty for the whole.
    """

    def __init__(self, source: str, route: str | None, field: str, expected: str) -> None:
        place = f"source {source}" + (f", route {route}" if route else "") + (f", {field}" if field else "")
        super().__init__(expected, place)
        self.source, self.route, self.field = source, route, field


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    verify: Annotated[Any, AfterValidator(parse)]
    delivery: Delivery | None = None
    format: Literal["routes", "message"] = "routes"
    id: str | None = None
    muted: bool = False
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None


SOURCE_FIELDS = tuple(info.alias or name for name, info in _Settings.model_fields.items())


@dataclass(frozen=True, slots=True)
class Source:
    """A configured sender.

    Attributes:
        secrets: several while rotating; without any, nothing is accepted.
        routes: those that could be compiled.
        mistakes: one for each other route, which parks the events that it might have wanted.
        muted: set in the settings; no event of the source makes a message.
        mutes: the times (aware) until which the operator's command has muted it, by route; `WHOLE` is the source.
    """

    name: str
    verification: Verification
    delivery: Delivery
    format: Literal["routes", "message"]
    secrets: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    mistakes: tuple[ConfigurationMistake, ...] = ()
    id: Expression | None = None
    schema: BodySchema | None = None
    muted: bool = False
    mutes: Mapping[str, datetime] = field(default_factory=dict)

    def is_muted(self, now: datetime) -> bool:
        return self.muted or WHOLE in self._lasting(now)

    def muted_routes(self, now: datetime) -> frozenset[str]:
        return self._lasting(now) - {WHOLE} | {route.name for route in self.routes if route.muted}

    def _lasting(self, now: datetime) -> frozenset[str]:
        return frozenset(route for route, until in self.mutes.items() if until > now)

    @property
    def id_forgeable(self) -> bool:
        """Whether someone who captured a signed request could send it again with another id in a header."""
        return self.verification.signs_body and not (self.verification.signs_id and not self.id)

    @property
    def scenarios(self) -> frozenset[str]:
        """The names of the scenarios that its routes and their steps use."""
        return frozenset(draft.scenario for route in self.routes for draft in (route, *route.unless_delivered))


# Every installation has this source, for the notifications that schedules carry. It has no secret: no webhook passes.
SCHEDULE = Source(name="schedule", verification=parse("bearer"), delivery="direct", format="message", secrets=())


def parse_source(
    name: str,
    settings: Any,
    routes: Mapping[str, Any],
    secrets: tuple[str, ...],
    mutes: Mapping[str, datetime] | None = None,
) -> Source:
    """Compiles a source from its parsed settings and routes. The other arguments are those of `Source`.

    Raises:
        ConfigurationMistake: the settings are wrong. A wrong route is in the source's `mistakes` instead, so that it
            can't take the others down.
    """
    if name == SCHEDULE.name:
        raise ConfigurationMistake(name, None, "", "expected another name: this one is the schedules' own")
    try:
        source = _source(name, settings, secrets)
    except Mistake as mistake:
        raise ConfigurationMistake(name, None, mistake.place, mistake.detail) from None
    if source.format == "message" and routes:
        raise ConfigurationMistake(name, None, "routes", "a source of format message has none: its body says it all")
    compiled, mistakes = [], []
    for route, raw in routes.items():
        try:
            compiled.append(compile_route(route, raw))
        except Mistake as mistake:
            mistakes.append(ConfigurationMistake(name, route, mistake.place, mistake.detail))
    return replace(source, routes=tuple(compiled), mistakes=tuple(mistakes), mutes=mutes or {})


def _source(name: str, raw: Any, secrets: tuple[str, ...]) -> Source:
    settings = read(_Settings, raw)
    with at("schema"):
        schema = None if settings.schema_ is None else compile_schema(settings.schema_)
    return Source(
        name=name,
        verification=settings.verify,
        delivery=settings.delivery or settings.verify.delivery,
        format=settings.format,
        secrets=secrets,
        id=compile_field("id", settings.id, EVENT - {"id"}),
        schema=schema,
        muted=settings.muted,
    )


def parse_mute(text: str) -> datetime:
    """Reads the time until which something is muted, such as `2026-11-24T18:00:00Z`. Raises Mistake."""
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        raise Mistake("expected a date and time with its zone, such as 2026-11-24T18:00:00Z")
    return until


def parse_secrets(value: str) -> tuple[str, ...]:
    """Reads one secret, or a JSON array of secrets while rotating; text that is no readable array is one secret.

    White space around a secret is removed, in a list or alone, because a file ends in a line break.
    """
    text = value.strip()
    if text.startswith("["):
        try:
            secrets = json.loads(text)
        except ValueError:
            return (text,)
        if isinstance(secrets, list):
            return tuple(secret.strip() for secret in secrets if isinstance(secret, str) and secret.strip())
    return (text,) if text else ()
