"""Explains an event: how it was verified, what each route says of it and why, and each request that OMNI would get."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.configure.expressions import Expression
from relay.configure.routes import Route
from relay.configure.sources import Source
from relay.deliver.routing import Verdict, route
from relay.explain.conditions import Operand, explained, value_of
from relay.explain.explanation import Explanation, Failure, Message, Proof, RouteExplanation, Text
from relay.explain.sms import sms_size
from relay.model.dispatches import Dispatch, dispatches_after, request_of
from relay.model.events import Event
from relay.ports import KeySets, Sns, UnknownScenario
from relay.problems import InvalidBody, Mistake, Problem
from relay.receive.handshakes import answer_by_itself, answer_verified, confirms
from relay.receive.webhooks import event_of
from relay.templates import Template
from relay.verification.decoding import decode
from relay.verification.inbound import InboundRequest

_AT_LINE = re.compile(r"(?P<field>[\w.\[\]]+): line (?P<line>\d+): (?P<problem>.*)", re.DOTALL)
_ITEM = re.compile(r"item (\d+) of \d+")


@dataclass(frozen=True, slots=True)
class _Silent:
    """Fetches certificates by the real port, and confirms no subscription."""

    sns: Sns

    def fetch(self, url: str) -> bytes:
        return self.sns.fetch(url)

    def confirm(self, url: str) -> None:
        """Does nothing: an explanation changes nothing."""


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains events of one installation.

    Attributes:
        scenario_key: as in `relay.ports.Configuration`.
        destinations_per_request: as in `Relayer`.
        installation: as in `Relayer`. With another one, the ids of messages and dispatches are other ones.
        sns: fetches certificates.
        now: tells which mutes last.
        key_sets: without them, no JSON Web Token is verified.
    """

    scenario_key: Callable[[str], str]
    destinations_per_request: int
    installation: str
    sns: Sns
    now: Callable[[], datetime]
    key_sets: KeySets | None = None

    def webhook(self, request: InboundRequest, source: Source, *, verify: bool = True) -> Explanation:
        """Explains a webhook. One that isn't verified is explained as if it were, beside its refusal.

        Without `verify` nobody asks who sent it, for a body that was never signed.

        Raises:
            ConfigurationUnavailable: a scenario can't be looked up.
        """
        silent = _Silent(self.sns)
        try:
            if verify and answer_by_itself(source, request, lambda: self._verify(request, source)):
                return Explanation(source.name, "handshake")
        except Problem as problem:
            return Explanation(source.name, "refused", problem=problem.detail)
        proof = self._proof(request, source) if verify else None
        refusal = proof.problem if proof else None
        try:
            body = decode(request.body, request.headers.get("content-type"), expects=source.verification.body_format)
            is_handshake = answer_verified(source, request, body) or confirms(source.verification, body, silent)
        except Problem as problem:
            return Explanation(source.name, "refused", problem=refusal or problem.detail, proof=proof)
        event = event_of(source, request, body)
        if is_handshake:
            return _of_event(event, "refused" if refusal else "handshake", proof=proof, problem=refusal)
        return self._checked(event, source, proof)

    def _checked(self, event: Event, source: Source, proof: Proof | None) -> Explanation:
        try:
            if source.schema:
                source.schema.check(event.body)
        except InvalidBody as problem:
            return _of_event(event, "refused", proof=proof, problem=problem.detail, errors=_errors(problem))
        return self.event(event, source, proof)

    def event(self, event: Event, source: Source, proof: Proof | None = None) -> Explanation:
        """Explains a verified event, a firing's, or one that was parked or recorded.

        Raises:
            ConfigurationUnavailable: a scenario can't be looked up.
        """
        muted = source.muted_routes(self.now())
        try:
            verdicts = route(
                event.model_copy(update={"muted": (*event.muted, *muted)}),
                source,
                limit=self.destinations_per_request,
                installation=self.installation,
                scenario_key=self.scenario_key,
            )
        except InvalidBody as problem:
            return _of_event(event, "refused", proof=proof, problem=problem.detail, errors=_errors(problem))
        rules = {rule.name: rule for rule in source.routes}
        routes = tuple(self._route(verdict, rules.get(verdict.route), event) for verdict in verdicts)
        is_muted = source.is_muted(self.now())
        refusal = proof.problem if proof else None
        outcome = "refused" if refusal else "muted" if is_muted else _outcome(verdicts)
        return _of_event(event, outcome, proof=proof, problem=refusal, routes=routes, source_muted=is_muted)

    def dispatch(self, dispatch: Dispatch) -> Explanation:
        """Explains what a route made once, and the queue or the dead-letter queue holds.

        Raises:
            ConfigurationUnavailable: a scenario can't be looked up.
        """
        try:
            route = RouteExplanation(dispatch.route, "matched", messages=(self._message(dispatch, None),))
        except UnknownScenario as name:
            failure = Failure(f"no key is configured for {name}", field="scenario")
            route = RouteExplanation(dispatch.route, "failed", failures=(failure,))
        outcome = "parked" if route.failures else "messages"
        return Explanation(dispatch.source, outcome, dispatch.event_id, routes=(route,))

    def _proof(self, request: InboundRequest, source: Source) -> Proof:
        try:
            self._verify(request, source)
        except Problem as problem:
            return Proof(source.verification.name, verified=False, problem=problem.detail)
        return Proof(source.verification.name, verified=True)

    def _verify(self, request: InboundRequest, source: Source) -> None:
        key_set = self.key_sets.keys if self.key_sets else None
        source.verification.check(request, source.secrets, self.sns.fetch, key_set)

    def _route(self, verdict: Verdict, rule: Route | None, event: Event) -> RouteExplanation:
        variables = event.variables()
        when = explained(rule.when, variables) if rule and rule.when else None
        for_each = _list_of(rule, variables) if rule and (when is None or when.holds) else None
        failures = tuple(_failure(mistake, rule) for mistake in verdict.mistakes)
        places = _places(for_each, failures)
        return RouteExplanation(
            verdict.route, verdict.name, when, for_each, failures, tuple(self._messages(verdict, places))
        )

    def _messages(self, verdict: Verdict, places: Iterator[int]) -> Iterator[Message]:
        dispatches = iter(verdict.dispatches)
        for notification in verdict.notifications:
            item, left = next(places, None), len(notification.to)
            while left > 0:
                dispatch = next(dispatches)
                left -= len(dispatch.messages)
                yield self._message(dispatch, item)

    def _message(self, dispatch: Dispatch, item: int | None, within: int | None = None) -> Message:
        request = request_of(dispatch, self.scenario_key(dispatch.content.scenario))
        body, sends_at = json.loads(request.to_json()), dispatch.content.send_at
        return Message(
            dispatch_id=dispatch.id,
            scenario=dispatch.content.scenario,
            to=tuple(message.model_dump(exclude_none=True, exclude={"was"}) for message in dispatch.messages),
            texts=tuple(_texts(dispatch, body)),
            method=f"/omni/1/{'advanced' if dispatch.content.advanced else 'text'}",
            request=body,
            send_at=sends_at.isoformat() if sends_at else None,
            item=item,
            within=within,
            then=tuple(self._after(dispatch)),
        )

    def _after(self, dispatch: Dispatch) -> Iterator[Message]:
        """Yields what follows the dispatch's first message, by the function that makes it when the time comes."""
        steps = dispatch.unless_delivered
        if steps:
            names = {"event_id": dispatch.event_id, "source": dispatch.source, "route": dispatch.route}
            first = dispatch.messages[0].message_id
            for after in dispatches_after(first, names, steps, self.destinations_per_request):
                yield self._message(after, None, steps[0].within)


def _of_event(event: Event, outcome: str, **more: Any) -> Explanation:
    return Explanation(event.source, outcome, event.id, headers=event.headers, body=event.body, **more)


def _outcome(verdicts: Sequence[Verdict]) -> str:
    names = {verdict.name for verdict in verdicts}
    named = {"failed": "parked", "matched": "messages", "muted": "muted"}
    return next((outcome for name, outcome in named.items() if name in names), "ignored")


def _errors(problem: InvalidBody) -> tuple[str, ...]:
    return tuple(f"{error.field}: {error.problem}" for error in problem.errors)


def _list_of(rule: Route, variables: Mapping[str, Any]) -> Operand | None:
    """Returns what `for_each` finds; None if it fails, which the verdict's mistake says."""
    try:
        return value_of(rule.for_each, variables) if rule.for_each else None
    except Mistake:
        return None


def _places(for_each: Operand | None, failures: Sequence[Failure]) -> Iterator[int]:
    """Yields the places of the items that were served."""
    failed = {failure.item for failure in failures}
    count = len(for_each.value) if for_each and isinstance(for_each.value, list) else 0
    return (place for place in range(1, count + 1) if place not in failed)


def _failure(mistake: Mistake, rule: Route | None) -> Failure:
    item, text = _ITEM.fullmatch(mistake.place), str(mistake)
    if item:
        text = mistake.detail
    place, at_line = int(item[1]) if item else None, _AT_LINE.fullmatch(text)
    if at_line is None:
        name, colon, problem = text.partition(": ")
        return Failure(problem, place, name) if colon else Failure(text, place)
    line = int(at_line["line"])
    code = _code(rule, at_line["field"], line) if rule else None
    return Failure(at_line["problem"], place, at_line["field"], line, code)


def _code(rule: Route, name: str, line: int) -> str | None:
    """Returns a line of the template in that field, such as `channels.sms.text` or `unless_delivered.to[0].phone`."""
    drafts = {f"{step.place}.": step for step in rule.unless_delivered}
    place = next((place for place in drafts if name.startswith(place)), "")
    draft = drafts.get(place, rule)
    found: Any = {**draft.fields, "to": None if isinstance(draft.to, Expression) else draft.to}
    for part in re.findall(r"[\w-]+", name.removeprefix(place)):
        found = found[int(part)] if isinstance(found, list | tuple) else found[part]
    lines = found.source.splitlines() if isinstance(found, Template) else []
    return lines[line - 1] if 0 < line <= len(lines) else None


def _texts(dispatch: Dispatch, request: Mapping[str, Any]) -> Iterator[Text]:
    """Yields what each channel says, from the request itself."""
    if not dispatch.content.advanced:
        text = request.get("text", "")
        yield Text("every channel", text, request.get("mailSubject"), sms_size(text))
        return
    for channel, body in request.items():
        if isinstance(body, Mapping) and "text" in body:
            size = sms_size(body["text"]) if channel == "sms" else None
            yield Text(channel, body["text"], body.get("subject"), size)
