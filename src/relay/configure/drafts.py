"""The part of a route that says who hears what by which scenario. Each step of `unless_delivered` has this part too."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter

from relay.configure.expressions import Expression, compile_expression
from relay.configure.settings import at, read
from relay.message.channels import CHANNELS, channel_meant
from relay.message.notifications import Notification, parse_notification
from relay.message.recipients import Recipient
from relay.problems import InvalidBody, Mistake, field_path
from relay.templates import Template, compile_template

ScenarioName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
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


To = Annotated[Any, AfterValidator(_expression_or_recipients)]


class Texts(BaseModel):
    """The texts of a route, as they are written; the names of the fields are those of a notification."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    text: str | None = None
    subject: str | None = None
    channels: dict[str, dict[str, Any]] | None = None
    callback_data: Annotated[str | None, Field(alias="callbackData")] = None
    notify_url: Annotated[str | None, Field(alias="notifyUrl")] = None


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


def compile_to(
    to: str | list[_Recipient], variables: frozenset[str]
) -> Expression | tuple[Mapping[str, Template], ...]:
    if isinstance(to, str):
        with at("to"):
            return compile_expression(to, variables)
    recipients = []
    for index, recipient in enumerate(to):
        given = recipient.model_dump(exclude_none=True)
        if not given:
            raise Mistake("expected phone, email or both", f"to[{index}]")
        _check_literals(given, f"to[{index}]")
        recipients.append(compile_texts(given, f"to[{index}]", variables))
    return tuple(recipients)


def _check_literals(given: Mapping[str, str], recipient: str) -> None:
    """An address that is no template is the same for every event, so its mistake is found now."""
    for field, text in given.items():
        if "{" not in text:
            try:
                read(Recipient, {field: text})
            except Mistake as mistake:
                raise Mistake(mistake.detail, f"{recipient}.{field}") from None


def compile_texts(value: Any, field: str, variables: frozenset[str]) -> Any:
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


def check_channels(names: Iterable[str]) -> None:
    """A message may use next year's channels. A route is written by hand, where an unknown channel is a slip."""
    for name in names:
        if name not in CHANNELS:
            right = channel_meant(name)
            known = f"there is no such channel: expected one of {', '.join(CHANNELS)}"
            raise Mistake(f"expected it as {right}" if right else known, field_path(("channels", name)))


def check_constants(scenario: str, fields: Mapping[str, Any]) -> None:
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
