"""Answers requests that set a webhook up instead of reporting an event. They are never routed."""

import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relay import limits
from relay.configure.sources import Source
from relay.ports import Sns
from relay.problems import MalformedRequest, MethodNotAllowed, NotAuthenticated
from relay.verification import Verification
from relay.verification.handshakes import NOTHING, SIGNATURE, TOKEN_MARK, Handshake
from relay.verification.inbound import InboundRequest
from relay.verification.places import Places, fill
from relay.verification.primitives import ENCODERS, any_equal, raw
from relay.verification.sns import confirmation_url

_REFLECTED = re.compile(rf"[ -~]{{1,{limits.CHALLENGE_CHARS}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer to a handshake."""

    status: int
    content_type: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


def answer_by_itself(source: Source, request: InboundRequest, verify: Callable[[], None]) -> Answer | None:
    """Answers a handshake that isn't a signed POST. Returns None for any other POST.

    `verify` proves the request as an event's is proven.

    Raises:
        MethodNotAllowed: no handshake of this source has the request's method.
        MalformedRequest: one has, but the request lacks what it is recognised by.
        NotAuthenticated: what the handshake demands isn't proven.
        Unavailable: it can't be verified now.
    """
    handshakes = [one for one in source.verification.handshakes if not one.is_event_like]
    methods = {"POST"} | {one.method for one in handshakes}
    if request.method not in methods:
        raise MethodNotAllowed(sorted(methods))
    places = Places(request)
    for handshake in handshakes:
        if handshake.asked(places):
            _prove(handshake, source, places, verify)
            return _answer(handshake, source, places)
    if request.method != "POST":
        raise MalformedRequest("Expected what this sender sends to set a webhook up.")
    return None


def answer_verified(source: Source, request: InboundRequest, body: Any) -> Answer | None:
    """Answers a handshake that is verified as an event is. Returns None for an event."""
    handshakes = [one for one in source.verification.handshakes if one.is_event_like]
    if not handshakes:
        return None
    places = Places(request, body)
    return next((_answer(one, source, places) for one in handshakes if one.asked(places)), None)


def confirms(verification: Verification, body: Any, sns: Sns) -> bool:
    """Does what a verified SNS message asks for besides routing. Returns False if it asks for nothing.

    Raises:
        NotAuthenticated: the confirmation would lead anywhere but to SNS.
        Unavailable: the subscription can't be confirmed now.
    """
    if verification.name != "sns" or not isinstance(body, dict):
        return False
    if body.get("Type") == "SubscriptionConfirmation":
        url = confirmation_url(body)
        if url is None:
            raise NotAuthenticated("SubscribeURL is not an address of SNS")
        sns.confirm(url)
        return True
    # A message that ends a subscription holds an address, too. Following it would subscribe again.
    return bool(body.get("Type") == "UnsubscribeConfirmation")


def _prove(handshake: Handshake, source: Source, places: Places, verify: Callable[[], None]) -> None:
    if handshake.proof == NOTHING:
        return
    if handshake.proof == SIGNATURE:
        verify()
        return
    tokens = [secret.removeprefix(TOKEN_MARK) for secret in source.secrets if secret.startswith(TOKEN_MARK)]
    if not any_equal(raw(places.one(handshake.proof)), [raw(token) for token in tokens if token.strip()]):
        raise NotAuthenticated("wrong token")


def _answer(handshake: Handshake, source: Source, places: Places) -> Answer:
    def value_of(part: str) -> bytes:
        if not part.startswith("hmac-"):
            return _reflected(places, part)
        _, algorithm, rest = part.split("-", 2)
        encoding, _, place = rest.partition(":")
        key = raw(_signer(source, places.request))
        return raw(ENCODERS[encoding](hmac.digest(key, _reflected(places, place), algorithm)))

    def text(template: str) -> str:
        return fill(template, value_of).decode()

    headers = {name.lower(): text(template) for name, template in handshake.headers.items()}
    if isinstance(handshake.answer, str):
        return Answer(handshake.status, "text/plain; charset=utf-8", text(handshake.answer), headers)
    content = {name: text(part) if isinstance(part, str) else part for name, part in handshake.answer.items()}
    return Answer(handshake.status, "application/json", json.dumps(content), headers)


def _reflected(places: Places, place: str) -> bytes:
    """Returns the only value at this place, or nothing if it is longer or of other characters than a challenge has."""
    found: Sequence[str] = places.all(place)
    return raw(found[0]) if len(found) == 1 and _REFLECTED.fullmatch(found[0]) else b""


def _signer(source: Source, request: InboundRequest) -> str:
    """Returns the secret that verifies this request, because the sender knows no other one of them."""
    for secret in source.secrets:
        try:
            source.verification.check(request, [secret])
        except NotAuthenticated:
            continue
        return secret
    raise NotAuthenticated("wrong signature")
