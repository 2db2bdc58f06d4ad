"""Requests that set a webhook up instead of reporting an event; they are answered and never routed."""

from dataclasses import dataclass
from typing import Any

from relay import limits
from relay.problems import NotAuthenticated
from relay.verification import Verification
from relay.verification.inbound import InboundRequest
from relay.verification.sns import confirmation_url


@dataclass(frozen=True, slots=True)
class Challenge:
    """Answer 200 with this body."""

    body: str
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class ConfirmSubscription:
    """GET this address, a host of SNS, and answer 200 once it has succeeded."""

    url: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do and nothing to route: answer as for an event that no route wanted."""


Handshake = Challenge | ConfirmSubscription | Ignored


def handshake(verification: Verification, request: InboundRequest, body: Any) -> Handshake | None:
    """What a verified request asks for besides routing; None for an event.

    Raises:
        NotAuthenticated: an SNS message whose confirmation would lead anywhere but to SNS.
    """
    find = _HANDSHAKES.get(verification.preset.name)
    return find(request, body) if find and isinstance(body, dict) else None


def _slack(_request: InboundRequest, body: dict[str, Any]) -> Handshake | None:
    if body.get("type") != "url_verification":
        return None
    challenge = body.get("challenge")
    if not isinstance(challenge, str) or len(challenge) > limits.CHALLENGE_CHARS:
        return Ignored()
    return Challenge(challenge)


def _sns(_request: InboundRequest, body: dict[str, Any]) -> Handshake | None:
    match body.get("Type"):
        case "SubscriptionConfirmation":
            url = confirmation_url(body)
            if url is None:
                raise NotAuthenticated("SubscribeURL is not an address of SNS")
            return ConfirmSubscription(url)
        case "UnsubscribeConfirmation":
            return Ignored()  # following its address would subscribe again
    return None


_HANDSHAKES = {"slack": _slack, "sns": _sns}
