"""Requests that set a webhook up instead of reporting an event. They are answered and never routed."""

from dataclasses import dataclass
from typing import Any

from relay import limits
from relay.problems import NotAuthenticated
from relay.verification import Verification
from relay.verification.sns import confirmation_url


@dataclass(frozen=True, slots=True)
class Handshake:
    """What to do about a request that is no event. With neither field set, answer as if no route had wanted it.

    Attributes:
        challenge: answer 200 with this text.
        confirm: GET this address, a host of SNS, before answering.
    """

    challenge: str | None = None
    confirm: str | None = None


def handshake(verification: Verification, body: Any) -> Handshake | None:
    """Returns what a verified request asks for besides routing; None for an event.

    Raises:
        NotAuthenticated: an SNS message whose confirmation would lead anywhere but to SNS.
    """
    find = _HANDSHAKES.get(verification.name)
    return find(body) if find and isinstance(body, dict) else None


def _slack(body: dict[str, Any]) -> Handshake | None:
    if body.get("type") != "url_verification":
        return None
    challenge = body.get("challenge")
    if not isinstance(challenge, str) or len(challenge) > limits.CHALLENGE_CHARS:
        return Handshake()
    return Handshake(challenge=challenge)


def _sns(body: dict[str, Any]) -> Handshake | None:
    match body.get("Type"):
        case "SubscriptionConfirmation":
            url = confirmation_url(body)
            if url is None:
                raise NotAuthenticated("SubscribeURL is not an address of SNS")
            return Handshake(confirm=url)
        case "UnsubscribeConfirmation":
            return Handshake()  # following its address would subscribe again
    return None


_HANDSHAKES = {"slack": _slack, "sns": _sns}
