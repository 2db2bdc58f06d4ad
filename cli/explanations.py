"""Prints an explanation for people: who sent it, each route with what was compared, the texts and the request."""

import json
from collections.abc import Iterator
from typing import Any

from cli.output import Output
from relay.explain.conditions import Condition, Operand
from relay.explain.explanation import Explanation, Failure, Message, RouteExplanation, Text
from relay.explain.sms import SmsSize

VALUE_SHOWN = 120  # characters of a compared value
_MARKS = {"matched": ("✓", "green"), "unmatched": ("·", "dim"), "failed": ("✗", "red"), "muted": ("-", "yellow")}
_WORDS = {"matched": "matched", "unmatched": "not matched", "failed": "failed", "muted": "muted: it would match"}
_OUTCOMES = {
    "ignored": "no route wants it: it gets 200, and nothing is sent",
    "muted": "muted: it gets 200, and nothing is sent",
    "parked": "it is parked, because a route failed",
    "handshake": "a handshake: it is answered, and no route is asked",
}
_STYLES = {"messages": "green", "parked": "red", "refused": "red", "muted": "yellow"}


def show(out: Output, name: str, one: Explanation) -> None:
    """Prints the explanation of the event that the user knows by this name."""
    out.line(name, "bold")
    out.line(f"  source   {one.source}{_proof(one)}")
    if one.event_id:
        out.line(f"  event    {one.event_id}")
    out.line(f"  outcome  {_outcome(one)}", _STYLES.get(one.outcome, ""))
    for error in one.errors:
        out.line(f"           {error}", "red")
    for route in one.routes:
        out.line()
        _route(out, route)


def _proof(one: Explanation) -> str:
    if one.proof is None:
        return ""
    how = "verified" if one.proof.verified else f"not verified, {one.proof.problem}"
    return f": {how} ({one.proof.scheme})"


def _outcome(one: Explanation) -> str:
    if one.outcome == "messages":
        return counted(sum(len(message.to) for route in one.routes for message in route.messages), "message")
    if one.outcome == "muted" and one.source_muted:
        return f"{_OUTCOMES['muted']}; if the source weren't muted, its routes would say:"
    if one.outcome != "refused":
        return _OUTCOMES[one.outcome]
    although = "; if it were verified, its routes would say:" if one.routes else ""
    return f"refused: {one.problem}{although}"


def _route(out: Output, route: RouteExplanation) -> None:
    mark, style = _MARKS[route.verdict]
    out.pieces((f"{mark} {route.route}", f"{style} bold"), (f"  {_WORDS[route.verdict]}", style))
    if route.when:
        for depth, line, style in _conditions(route.when, 0):
            out.line(f"    {'  ' * depth}{line}", style)
    if route.for_each:
        out.line(f"    for_each {route.for_each.text}: {_items(route.for_each)}")
    for failure in route.failures:
        _failure(out, failure)
    for message in route.messages:
        _message(out, message)


def _conditions(one: Condition, depth: int) -> Iterator[tuple[int, str, str]]:
    """Yields a line for each part of a condition: its depth, its words and its style."""
    mark = {True: "✓", False: "✗", None: "·"}[one.holds]
    style = {True: "green", False: "red", None: "dim"}[one.holds]
    item = "" if one.item is None else f"[{one.item}] "
    if one.kind in {"and", "or", "not"}:
        words = {"and": "all of these", "or": "one of these", "not": "not this"}[one.kind]
        yield depth, f"{mark} {item}{words}", style
    else:
        yield depth, f"{mark} {item}{_told(one)}", style
        for operand in one.operands:
            if operand.missing:
                yield depth + 2, operand.missing, "yellow"
    for part in one.parts:
        yield from _conditions(part, depth + 1)


def _told(one: Condition) -> str:
    if one.mistake:
        return f"{one.text}: {one.mistake}"
    if one.holds is None:
        return f"{one.text}: not looked at"
    if one.kind == "comparison":
        left, right = one.operands
        if one.relation == "=" and right.constant:
            return _side(left)
        return f"{_side(left)} {one.relation} {_side(right)}"
    if one.kind == "function":
        given = ", ".join(_side(operand) for operand in one.operands if not operand.constant)
        return f"{one.text} is {_value(one.value)}{f', with {given}' if given else ''}"
    return f"{one.text} is {_value(one.value)}"


def _side(operand: Operand) -> str:
    return _value(operand.value) if operand.constant else f"{operand.text} = {_value(operand.value)}"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}…"


def _items(found: Operand) -> str:
    if isinstance(found.value, list):
        return counted(len(found.value), "item")
    return found.missing or f"no list, but {_value(found.value)}"


def _failure(out: Output, failure: Failure) -> None:
    item = f"item {failure.item}: " if failure.item else ""
    field = f"{failure.field}: " if failure.field else ""
    line = f"line {failure.line}: " if failure.line else ""
    out.line(f"    ✗ {item}{field}{line}{failure.problem}", "red")
    if failure.code is not None:
        out.line(f"        {failure.line} | {failure.code}", "dim")


def _message(out: Output, message: Message) -> None:
    item = f"item {message.item}, " if message.item else ""
    unless = f"unless that is delivered within {message.within} s: " if message.within else ""
    out.line(f"    {unless}{item}to {recipients(message)}, by {message.scenario}{_later(message)}")
    for text in message.texts:
        out.pieces((f"      {text.channel}: ", "cyan"), (_said(text), ""), (size(text.sms), "dim"))
    out.line(f"      POST {message.method}")
    for line in json.dumps(message.request, indent=2, ensure_ascii=False).splitlines():
        out.line(f"      {line}", "dim")
    for after in message.then:
        _message(out, after)


def recipients(message: Message) -> str:
    """Returns the addresses, such as `+41793026727 and ops@example.com`, several recipients with `;` between them."""
    people = ([f"+{one['phone']}" if "phone" in one else "", one.get("email", "")] for one in message.to)
    return "; ".join(" and ".join(filter(None, addresses)) for addresses in people)


def _later(message: Message) -> str:
    return f", at {message.send_at}" if message.send_at else ""


def _said(text: Text) -> str:
    body = text.text.replace("\n", "\n        ")
    return f"{text.subject} / {body}" if text.subject else body


def size(sms: SmsSize | None) -> str:
    """Returns the size of a text as an SMS, such as `  (SMS: GSM-7, 1 segment)`."""
    if sms is None:
        return ""
    why = f" because of {sms.costly}" if sms.costly else ""
    return f"  (SMS: {sms.encoding}{why}, {counted(sms.segments, 'segment')})"


def counted(number: int, noun: str) -> str:
    """Returns the number with its noun, such as `2 messages`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
