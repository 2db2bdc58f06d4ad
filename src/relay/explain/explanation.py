"""The parts of an explanation: plain data, which `dataclasses.asdict` makes ready for JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.explain.conditions import Condition, Operand
from relay.explain.sms import SmsSize


@dataclass(frozen=True, slots=True)
class Proof:
    """How the request proves who sent it. `problem` says why it doesn't."""

    scheme: str
    verified: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """The words of one channel; `channel` is `every channel` where the scenario's channels all say the same.

    `sms` is the size as an SMS, where it may be sent as one.
    """

    channel: str
    text: str
    subject: str | None = None
    sms: SmsSize | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One request to OMNI, for one or more recipients.

    Attributes:
        item: the place of the item of `for_each` that it is about, from 1 on.
        to: each recipient's `phone`, `email` and `message_id`.
        method: the path of the API's method.
        request: its body, as it would be sent.
        within: after so many seconds it is sent, unless the message before is delivered.
        then: what follows each recipient's message that is not delivered; its ids are those for the first recipient.
    """

    dispatch_id: str
    scenario: str
    to: tuple[Mapping[str, str], ...]
    texts: tuple[Text, ...]
    method: str
    request: Mapping[str, Any]
    send_at: str | None = None
    item: int | None = None
    within: int | None = None
    then: tuple["Message", ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a route can't serve the event, or one of its items.

    Attributes:
        item: its place, from 1 on; None if it is about the whole route.
        line: of the template in `field`, from 1 on, with its content in `code`.
    """

    problem: str
    item: int | None = None
    field: str | None = None
    line: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class RouteExplanation:
    """The verdict of one route on the event.

    Attributes:
        verdict: `matched`, `unmatched`, `failed` or `muted`.
        when: None if the route has none, so that it always applies.
        for_each: the expression and the list that it found; None if the route has none, or isn't asked for it.
    """

    route: str
    verdict: str
    when: Condition | None = None
    for_each: Operand | None = None
    failures: tuple[Failure, ...] = ()
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The steps that the relay would take with an event.

    Attributes:
        outcome: `messages`, `ignored`, `muted`, `parked` (some may be sent, too), `handshake` or `refused`.
        problem: why it would be refused.
        errors: the wrong fields, each with what was expected.
        proof: None for an event that comes from no webhook, such as a firing.
        headers: those that routes see.
        source_muted: the routes tell what they would do if the source weren't muted.
    """

    source: str
    outcome: str
    event_id: str | None = None
    problem: str | None = None
    errors: tuple[str, ...] = ()
    proof: Proof | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    routes: tuple[RouteExplanation, ...] = ()
    source_muted: bool = False
