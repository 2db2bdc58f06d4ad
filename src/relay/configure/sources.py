"""A source as configured: how its requests are verified, and the routes of its events.

Everything is checked when it is loaded; a mistake names the source, the route, the field and what was expected.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from relay.configure.expressions import Expression, compile_expression
from relay.configure.schemas import BodySchema, compile_schema
from relay.message.channels import CHANNELS, channel_meant
from relay.message.notifications import Notification
from relay.message.recipients import Recipient, parse_recipient
from relay.message.wording import expected, place_of
from relay.problems import Mistake, field_path
from relay.templates.templates import VARIABLES, Template, compile_template
from relay.verification import Delivery, Verification, parse

SOURCE_NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
_EVENT = VARIABLES - {"item"}
_FIELD = re.compile(r"[A-Za-z][A-Za-z_-]*$")
_T = TypeVar("_T")


class ConfigurationMistake(Mistake):
    """What a person got wrong in the configuration, and where."""

    def __init__(self, source: str, route: str | None, field: str, expected: str) -> None:
        place = f"source {source}" + (f", route {route}" if route else "") + (f", {field}" if field else "")
        super().__init__(expected, place)
        self.source, self.route, self.field = source, route, field


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    verify: Any
    delivery: Delivery | None = None
    format: Literal["routes", "message"] = "routes"
    id: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None


class _Recipient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    phone: str | int | None = None
    email: str | None = None


class _RouteSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    when: str | None = None
    for_each: str | None = None
    item_id: str | None = None
    scenario: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
    to: Annotated[list[_Recipient], Field(min_length=1)] | str
    text: str | None = None
    subject: str | None = None
    channels: dict[str, dict[str, Any]] | None = None
    send_at: Annotated[str | None, Field(alias="sendAt")] = None
    callback_data: Annotated[str | None, Field(alias="callbackData")] = None
    notify_url: Annotated[str | None, Field(alias="notifyUrl")] = None


_FIELDS = {"text", "subject", "channels", "send_at", "callback_data", "notify_url"}
_ANYBODY = Recipient(phone=None, email="anybody@example.com")
# What a template could give where not every text will do.
_STAND_INS = {
    "sendAt": "2031-05-24T10:45:38.000+0000",
    "notifyUrl": "https://example.com",
    "validityPeriodTimeUnit": "MINUTES",
}
_STAND_IN = "1"  # a text, a number and a flag


@dataclass(frozen=True, slots=True)
class Route:
    """A compiled rule: *when* it applies, *who* gets the message, *what* it says, by *which scenario*.

    `fields` holds the notification's other fields by the names that people write: values, nested in lists and dicts, of
    which each text is a template.
    """

    name: str
    scenario: str
    to: Expression | tuple[Mapping[str, Template], ...]
    fields: Mapping[str, Any]
    when: Expression | None = None
    for_each: Expression | None = None
    item_id: Expression | None = None


@dataclass(frozen=True, slots=True)
class BrokenRoute:
    """A route that could not be compiled: it parks the events that it might have wanted."""

    name: str
    mistake: ConfigurationMistake


@dataclass(frozen=True, slots=True)
class Source:
    """A configured sender. `secrets` may be several while rotating; none means that nothing is accepted."""

    name: str
    verification: Verification
    delivery: Delivery
    format: Literal["routes", "message"]
    secrets: tuple[str, ...]
    routes: tuple[Route | BrokenRoute, ...] = ()
    id: Expression | None = None
    schema: BodySchema | None = None

    @property
    def scenarios(self) -> frozenset[str]:
        """The names of the scenarios that its routes use."""
        return frozenset(route.scenario for route in self.routes if isinstance(route, Route))

    @property
    def mistakes(self) -> tuple[ConfigurationMistake, ...]:
        return tuple(route.mistake for route in self.routes if isinstance(route, BrokenRoute))


# What a schedule says itself comes from a source that every installation has. Without a secret, no webhook passes it.
SCHEDULE = Source(name="schedule", verification=parse("bearer"), delivery="direct", format="message", secrets=())


def parse_source(name: str, settings: Any, routes: Mapping[str, Any], secrets: tuple[str, ...]) -> Source:
    """Compiles a source from its parsed settings and routes.

    Raises:
        ConfigurationMistake: the settings are wrong. A wrong route becomes a `BrokenRoute` instead, so that it
            can't take the others down.
    """
    if name == SCHEDULE.name:
        raise ConfigurationMistake(name, None, "", "expected another name: this one is the schedules' own")
    parsed = _validated(_Settings, settings, name, None)
    try:
        verification = parse(parsed.verify)
    except ValueError as problem:
        raise _mistake(problem, name, None, "verify") from None
    if parsed.format == "message" and routes:
        raise ConfigurationMistake(name, None, "routes", "a source of format message has none: its body says it all")
    return Source(
        name=name,
        verification=verification,
        delivery=parsed.delivery or verification.delivery,
        format=parsed.format,
        secrets=secrets,
        routes=tuple(_route_or_mistake(name, route, raw) for route, raw in routes.items()),
        id=_expression(parsed.id, _EVENT - {"id"}, name, None, "id"),
        schema=_compiled(compile_schema, parsed.schema_, name, None, "schema"),
    )


def parse_secrets(value: str) -> tuple[str, ...]:
    """One secret, or a JSON array of them while rotating; an unreadable array is taken for one secret's text.

    White space around a secret doesn't count, in a list or alone: it is a file's last line break.
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


def _route_or_mistake(source: str, name: str, raw: Any) -> Route | BrokenRoute:
    try:
        return _parse_route(source, name, raw)
    except ConfigurationMistake as mistake:
        return BrokenRoute(name, mistake)


def _parse_route(source: str, name: str, raw: Any) -> Route:
    settings = _validated(_RouteSettings, raw, source, name)
    if settings.item_id and not settings.for_each:
        raise ConfigurationMistake(source, name, "item_id", "expected for_each beside it")

    beside = VARIABLES if settings.for_each else _EVENT
    to = _recipients(settings.to, beside, source, name)
    fields = {
        field: _templates(value, source, name, field)
        for field, value in settings.model_dump(by_alias=True, include=_FIELDS).items()
        if value is not None
    }
    if not settings.for_each:
        _refuse_item({"to": to} | fields, source, name)
    _check_channels(settings.channels or {}, source, name)
    _check_constants(settings.scenario, fields, source, name)
    return Route(
        name=name,
        scenario=settings.scenario,
        to=to,
        fields=fields,
        when=_expression(settings.when, _EVENT, source, name, "when"),
        for_each=_expression(settings.for_each, _EVENT, source, name, "for_each"),
        item_id=_expression(settings.item_id, VARIABLES, source, name, "item_id"),
    )


def _refuse_item(value: Any, source: str, route: str, field: str = "") -> None:
    if isinstance(value, Template) and "item" in value.variables:
        raise ConfigurationMistake(source, route, field, "expected for_each beside it: without, there is no item")
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, part in inner:
        _refuse_item(part, source, route, f"{field}.{key}".lstrip("."))


def _check_channels(names: Iterable[str], source: str, route: str) -> None:
    """Of a message an unknown channel may be next year's; a route is written by hand, where it is a slip."""
    for name in names:
        if name not in CHANNELS:
            right = channel_meant(name)
            words = (
                f"expected it as {right}"
                if right
                else f"there is no such channel: expected one of {', '.join(CHANNELS)}"
            )
            raise ConfigurationMistake(source, route, field_path(("channels", name)), words)


def _check_constants(scenario: str, fields: Mapping[str, Any], source: str, route: str) -> None:
    """What is no template is the same for every event: it is checked now as each event's notification will be."""
    constants = {field: _constant(value, source, route, field) for field, value in fields.items()}
    try:
        Notification.model_validate({"scenario": scenario, "to": (_ANYBODY,), **constants})
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        raise ConfigurationMistake(source, route, field_path(place_of(first)), expected(first)) from None


def _constant(value: Any, source: str, route: str, field: str) -> Any:
    """The value with each template rendered that reads nothing of an event, and something fitting for the others."""
    if isinstance(value, Template):
        if value.variables:
            return _STAND_INS.get(field.rpartition(".")[2], _STAND_IN)
        return _compile(value.render, {}, source, route, field)
    if isinstance(value, dict):
        return {key: _constant(inner, source, route, f"{field}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [_constant(inner, source, route, f"{field}[{index}]") for index, inner in enumerate(value)]
    return value


def _recipients(
    to: list[_Recipient] | str, variables: frozenset[str], source: str, route: str
) -> Expression | tuple[Mapping[str, Template], ...]:
    if isinstance(to, str):
        return _compile(partial(compile_expression, variables=variables), to, source, route, "to")
    recipients = []
    for index, recipient in enumerate(to):
        given = {key: str(value) for key, value in recipient.model_dump(exclude_none=True).items()}
        if not given:
            raise ConfigurationMistake(source, route, f"to[{index}]", "expected phone, email or both")
        _check_literals(given, source, route, index)
        recipients.append(_templates(given, source, route, f"to[{index}]"))
    return tuple(recipients)


def _check_literals(given: Mapping[str, str], source: str, route: str, index: int) -> None:
    """An address that is no template is the same for every event: its mistake is found now."""
    for field, text in given.items():
        if "{" not in text:
            try:
                parse_recipient({field: text})
            except Mistake as problem:
                raise ConfigurationMistake(source, route, f"to[{index}].{field}", problem.detail) from None


def _templates(value: Any, source: str, route: str, field: str) -> Any:
    """The value with each text compiled as a template."""
    if isinstance(value, str):
        return _compile(compile_template, value, source, route, field)
    if isinstance(value, dict):
        return {key: _templates(inner, source, route, f"{field}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [_templates(inner, source, route, f"{field}[{index}]") for index, inner in enumerate(value)]
    return value


def _compile(compiler: Callable[[Any], _T], value: Any, source: str, route: str | None, field: str) -> _T:
    try:
        return compiler(value)
    except Mistake as problem:
        raise ConfigurationMistake(source, route, field, str(problem)) from None


def _compiled(compiler: Callable[[Any], _T], value: Any, source: str, route: str | None, field: str) -> _T | None:
    return None if value is None else _compile(compiler, value, source, route, field)


def _expression(
    value: str | None, variables: frozenset[str], source: str, route: str | None, field: str
) -> Expression | None:
    return _compiled(partial(compile_expression, variables=variables), value, source, route, field)


_M = TypeVar("_M", bound=BaseModel)


def _validated(model: type[_M], raw: Any, source: str, route: str | None) -> _M:
    try:
        return model.model_validate(raw)
    except ValidationError as problem:
        raise _mistake(problem, source, route, "") from None


def _mistake(problem: ValueError, source: str, route: str | None, field: str) -> ConfigurationMistake:
    """The first error of a validation; the value itself is never repeated, it may be a secret in the wrong place."""
    if not isinstance(problem, ValidationError):
        return ConfigurationMistake(source, route, field, str(problem))
    first = problem.errors(include_url=False, include_input=False)[0]
    # Of a union Pydantic names the member, too: `list[_Recipient]` is not a field.
    parts = [str(part) for part in first["loc"] if not isinstance(part, str) or _FIELD.match(part)]
    path = ".".join([field, *parts] if field else parts)
    hint = "; docs/configuration.md lists them" if first["type"] == "extra_forbidden" else ""
    words = expected(first).replace("an object", "a mapping")  # as YAML calls it
    return ConfigurationMistake(source, route, path, words + hint)
