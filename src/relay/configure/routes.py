"""A route as configured, compiled when it is loaded; a mistake names the field and what was expected."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter

from relay.configure.expressions import Expression, compile_expression
from relay.configure.settings import at, read
from relay.message.channels import CHANNELS, channel_meant
from relay.message.notifications import Notification, parse_notification
from relay.message.recipients import Recipient
from relay.problems import InvalidBody, Mistake, field_path
from relay.templates import VARIABLES, Template, compile_template

EVENT = VARIABLES - {"item"}  # what expressions see of an event; `item` exists beside for_each only
_FIELDS = {"text", "subject", "channels", "send_at", "callback_data", "notify_url"}
_ANYBODY = Recipient.model_construct(phone=None, email="anybody@example.com")
# Stands for a template's text where any text is fit: a text, a number and a flag.
_STAND_IN = "1"
_STAND_INS = {
    "sendAt": "2031-05-24T10:45:38.000+0000",
    "notifyUrl": "https://example.com",
    "validityPeriodTimeUnit": "MINUTES",
}


def _text_of_integer(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _Recipient(BaseModel):
    """Addresses before their templates are rendered; YAML reads an unquoted phone number as an integer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phone: Annotated[str | None, BeforeValidator(_text_of_integer)] = None
    email: str | None = None


_RECIPIENTS = TypeAdapter(Annotated[list[_Recipient], Field(min_length=1)])


def _expression_or_recipients(value: Any) -> Any:
    return value if isinstance(value, str) else _RECIPIENTS.validate_python(value)


class _RouteSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    when: str | None = None
    for_each: str | None = None
    item_id: str | None = None
    scenario: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
    to: Annotated[Any, AfterValidator(_expression_or_recipients)]
    text: str | None = None
    subject: str | None = None
    channels: dict[str, dict[str, Any]] | None = None
    send_at: Annotated[str | None, Field(alias="sendAt")] = None
    callback_data: Annotated[str | None, Field(alias="callbackData")] = None
    notify_url: Annotated[str | None, Field(alias="notifyUrl")] = None
    muted: bool = False


ROUTE_FIELDS = tuple(info.alias or name for name, info in _RouteSettings.model_fields.items())


@dataclass(frozen=True, slots=True)
class Route:
    """A compiled rule: *when* it applies, *who* gets the message, *what* it says, by *which scenario*.

    `fields` holds the notification's other fields by the names that people write: values, nested in lists and dicts, in
    which each text is a template.
    """

    name: str
    scenario: str
    to: Expression | tuple[Mapping[str, Template], ...]
    fields: Mapping[str, Any]
    when: Expression | None = None
    for_each: Expression | None = None
    item_id: Expression | None = None
    muted: bool = False


def compile_route(name: str, raw: Any) -> Route:
    """Compiles a route from its parsed settings.

    Raises:
        Mistake: the first that is found; its place is the field.
    """
    settings = read(_RouteSettings, raw)
    if settings.item_id and not settings.for_each:
        raise Mistake("expected for_each beside it", "item_id")
    variables = VARIABLES if settings.for_each else EVENT
    to = _to(settings.to, variables)
    given = settings.model_dump(by_alias=True, include=_FIELDS, exclude_none=True)
    fields = {field: _templates(value, field, variables) for field, value in given.items()}
    _check_channels(settings.channels or {})
    _check_constants(settings.scenario, fields)
    return Route(
        name=name,
        scenario=settings.scenario,
        to=to,
        fields=fields,
        when=compile_field("when", settings.when, EVENT),
        for_each=compile_field("for_each", settings.for_each, EVENT),
        item_id=compile_field("item_id", settings.item_id, VARIABLES),
        muted=settings.muted,
    )


def compile_field(field: str, expression: str | None, variables: frozenset[str]) -> Expression | None:
    """Compiles an optional expression over `variables`. Raises Mistake with `field` as its place."""
    if expression is None:
        return None
    with at(field):
        return compile_expression(expression, variables)


def checked_notification(scenario: str, to: Any, fields: Mapping[str, Any]) -> Notification:
    """Makes a route's notification. Raises Mistake with the first field that doesn't fit."""
    try:
        return parse_notification({"scenario": scenario, "to": to, **fields})
    except InvalidBody as problem:
        first = problem.errors[0]
        raise Mistake(first.problem, first.field) from None


def each_leaf(value: Any, field: str, change: Callable[[Any, str], Any]) -> Any:
    """Gives `value` with `change(leaf, field)` in place of each leaf of its lists and dicts.

    The leaf's field is a path that begins with `field`, such as `channels.sms.text`.
    """
    if isinstance(value, Mapping):
        return {key: each_leaf(inner, f"{field}.{key}", change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [each_leaf(inner, f"{field}[{index}]", change) for index, inner in enumerate(value)]
    return change(value, field)


def _to(to: str | list[_Recipient], variables: frozenset[str]) -> Expression | tuple[Mapping[str, Template], ...]:
    if isinstance(to, str):
        with at("to"):
            return compile_expression(to, variables)
    recipients = []
    for index, recipient in enumerate(to):
        given = recipient.model_dump(exclude_none=True)
        if not given:
            raise Mistake("expected phone, email or both", f"to[{index}]")
        _check_literals(given, f"to[{index}]")
        recipients.append(_templates(given, f"to[{index}]", variables))
    return tuple(recipients)


def _check_literals(given: Mapping[str, str], recipient: str) -> None:
    """An address that is no template is the same for every event, so its mistake is found now."""
    for field, text in given.items():
        if "{" not in text:
            try:
                read(Recipient, {field: text})
            except Mistake as mistake:
                raise Mistake(mistake.detail, f"{recipient}.{field}") from None


def _templates(value: Any, field: str, variables: frozenset[str]) -> Any:
    """Gives the value with each text compiled as a template."""

    def template(leaf: Any, field: str) -> Any:
        if not isinstance(leaf, str):
            return leaf
        with at(field):
            compiled = compile_template(leaf)
        if "item" in compiled.variables - variables:
            raise Mistake("expected for_each beside it: without, there is no item", field)
        return compiled

    return each_leaf(value, field, template)


def _check_channels(names: Iterable[str]) -> None:
    """A message may use next year's channels. A route is written by hand, where an unknown channel is a slip."""
    for name in names:
        if name not in CHANNELS:
            right = channel_meant(name)
            known = f"there is no such channel: expected one of {', '.join(CHANNELS)}"
            raise Mistake(f"expected it as {right}" if right else known, field_path(("channels", name)))


def _check_constants(scenario: str, fields: Mapping[str, Any]) -> None:
    """Checks now, as each event's notification will be checked, what is the same for every event."""
    constants = {field: each_leaf(value, field, _constant) for field, value in fields.items()}
    checked_notification(scenario, (_ANYBODY,), constants)


def _constant(leaf: Any, field: str) -> Any:
    """Renders a template that reads nothing of an event; something fitting stands in for any other."""
    if not isinstance(leaf, Template):
        return leaf
    if leaf.variables:
        return _STAND_INS.get(field.rpartition(".")[2], _STAND_IN)
    with at(field):
        return leaf.render({})
