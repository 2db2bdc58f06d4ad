"""Requests that set a webhook up instead of reporting an event. They are answered and never routed."""

from typing import Any

from relay import limits
from relay.ports import Sns
from relay.problems import NotAuthenticated
from relay.verification import Verification
from relay.verification.sns import confirmation_url


def handshake(verification: Verification, body: Any, sns: Sns) -> str | None:
    """Does what a verified request asks for besides routing.

    Returns the text to answer with. It is empty where the sender expects none. Returns None for an event.

    Raises:
        NotAuthenticated: an SNS message whose confirmation would lead anywhere but to SNS.
        Unavailable: the subscription can't be confirmed now.
    """
    if not isinstance(body, dict):
        return None
    if verification.name == "slack":
        return _slack(body)
    return _sns(body, sns) if verification.name == "sns" else None


def _slack(body: dict[str, Any]) -> str | None:
    if body.get("type") != "url_verification":
        return None
    challenge = body.get("challenge")
    return challenge if isinstance(challenge, str) and len(challenge) <= limits.CHALLENGE_CHARS else ""


def _sns(body: dict[str, Any], sns: Sns) -> str | None:
    if body.get("Type") == "SubscriptionConfirmation":
        url = confirmation_url(body)
        if url is None:
            raise NotAuthenticated("SubscribeURL is not an address of SNS")
        sns.confirm(url)
        return ""
    # A message that ends a subscription holds an address, too. Following it would subscribe again.
    return "" if body.get("Type") == "UnsubscribeConfirmation" else None
