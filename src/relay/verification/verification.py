"""One row of the table of senders, or a source's copy of it: how requests are verified, identified and decoded."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from relay.problems import NotAuthenticated
from relay.verification.decoding import BodyFormat
from relay.verification.event_ids import EventId, FromHeader, unnamed
from relay.verification.handshakes import TOKEN_MARK, Handshake
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import Keys, Scheme
from relay.verification.signatures import SignatureScheme
from relay.verification.twilio import TwilioScheme

if TYPE_CHECKING:
    from relay.verification.settings import VerifySettings

Delivery = Literal["direct", "queued"]

_ALWAYS_SECRET = ("authorization", "proxy-authorization", "cookie")


@dataclass(frozen=True, slots=True)
class Verification:
    """How one sender's requests are verified, identified and decoded.

    Attributes:
        name: the preset's name, as written under `verify:`.
        scheme: how a request proves who sent it; a source's settings may replace fields of it.
        settings: the name of the model in settings.py of the fields that a source may set.
        event_id: gives the event's own id: printable, at most 128 characters. None where this sender gives none.
        delivery: queued for senders that need a quick answer or never try again.
        body_format: how the bodies are decoded.
        complete: False if a source must set something.
        has_secret: False for a sender that proves itself by a public certificate.
        item_id: for senders whose events are lists, the field that names an item for a JMESPath `for_each`.
        accepted: the status of what is queued or parked, for senders that take only 200 for a success.
        handshakes: the requests that set a webhook up, beside SNS's.
        unused_secrets: headers that hold a secret or a signature and that the scheme doesn't read.
    """

    name: str
    scheme: Scheme
    settings: str = "VerifySettings"
    event_id: EventId = unnamed
    delivery: Delivery = "direct"
    body_format: BodyFormat = "json"
    complete: bool = True
    has_secret: bool = True
    item_id: str | None = None
    accepted: Literal[200, 202] = 202
    handshakes: tuple[Handshake, ...] = ()
    unused_secrets: tuple[str, ...] = ()

    @property
    def model(self) -> "type[VerifySettings]":
        """The model of the settings. It is imported when a source has some, because all models take long to make."""
        found: type[VerifySettings] = getattr(import_module("relay.verification.settings"), self.settings)
        return found

    @property
    def redacted(self) -> frozenset[str]:
        """The headers whose values must never be logged, kept or shown to a template."""
        return frozenset((*self.scheme.secret_headers, *self.unused_secrets, *_ALWAYS_SECRET))

    @property
    def id_in_header(self) -> bool:
        """Whether a header names the event."""
        return isinstance(self.event_id, FromHeader)

    @property
    def signs_body(self) -> bool:
        """Whether a signature covers the body, but not by itself the time and the id, as Standard Webhooks does.

        A token is no signature: whoever captured it can write any request at all.
        """
        if isinstance(self.scheme, SignatureScheme):
            return self.scheme.covers_body
        return isinstance(self.scheme, TwilioScheme)

    @property
    def signs_id(self) -> bool:
        """Whether the signature covers the header that names the event, too."""
        return isinstance(self.scheme, SignatureScheme) and "{id}" in self.scheme.signed

    def check(
        self,
        request: InboundRequest,
        secrets: Sequence[str],
        certificate: Callable[[str], bytes] | None = None,
        key_set: Callable[[str, float], Sequence[Mapping[str, Any]]] | None = None,
    ) -> None:
        """Returns if one of the secrets proves the request genuine.

        Raises:
            NotAuthenticated: no secret proves it, or there is none. Hostile bytes raise nothing else.
            Unavailable: the source of certificates or of key sets can't answer now.
        """
        self.scheme.check(request, Keys(signing(secrets), certificate, key_set))

    def position(self, request: InboundRequest, secrets: Sequence[str]) -> int | None:
        """Returns which of the secrets that can sign proves the request, from 1 on; None if none does by itself."""
        for number, secret in enumerate(signing(secrets), start=1):
            with suppress(NotAuthenticated):
                self.scheme.check(request, Keys((secret,), None))
                return number
        return None


def signing(secrets: Sequence[str]) -> tuple[str, ...]:
    """Returns the secrets without the tokens of handshakes, which prove nothing."""
    return tuple(secret for secret in secrets if not secret.startswith(TOKEN_MARK))
