"""One error type for each way that a call to the OMNI API can fail. Each says whether a retry can help.

Neither an error nor its chain holds the authorization header or the request's body.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The facts of an error answer, from either of the API's two shapes. `text` may repeat parts of the request."""

    code: str | None = None
    text: str | None = None
    action: str | None = None
    violations: tuple[Any, ...] = ()
    resources: tuple[Any, ...] = ()


class OmniError(Exception):
    """The base of every error that a call can raise."""

    retryable: bool = False  # the same request can succeed later
    may_have_arrived: bool = False  # OMNI may have acted on it, so a retry needs the same message ids
    account: bool = False  # the account is the cause, so every other request fails too


class InvalidRequest(OmniError):
    """The request can't be written in the chosen format. Nothing was sent. `field` is a path like `request/text`."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class TransportError(OmniError):
    """No complete answer came. `kind` is connect, tls, timeout, deadline or connection closed."""

    retryable = True

    def __init__(self, kind: str, *, may_have_arrived: bool) -> None:
        arrival = "the request may have arrived" if may_have_arrived else "nothing was sent"
        super().__init__(f"no answer from OMNI ({kind}); {arrival}")
        self.kind = kind
        self.may_have_arrived = may_have_arrived


class MalformedAnswer(OmniError):
    """A success whose body can't be read. `content` is that body, since OMNI gives reports only once."""

    retryable = True
    may_have_arrived = True

    def __init__(self, status: int, detail: str, content: bytes = b"") -> None:
        super().__init__(f"OMNI answered {status} with a body that can't be read: {detail}")
        self.status = status
        self.detail = detail
        self.content = content


class AnswerError(OmniError):
    """An answer that is not a success. `retry_after` is in seconds, and None if the answer doesn't say."""

    def __init__(self, status: int, body: ErrorBody | None = None, *, retry_after: float | None = None) -> None:
        self.status = status
        self.body = body or ErrorBody()
        self.retry_after = retry_after
        # The message shows only the code, because the text may repeat a phone number or the message.
        super().__init__(f"OMNI answered {status}" + (f" {self.body.code}" if self.body.code else ""))


class BadRequest(AnswerError):
    pass


class Unauthorized(AnswerError):
    retryable = True  # after the credentials are corrected
    account = True


class Forbidden(AnswerError):
    retryable = True  # after the account is corrected
    account = True


class NotFound(AnswerError):
    pass


class Conflict(AnswerError):
    pass


class Throttled(AnswerError):
    retryable = True
    account = True


class ServerError(AnswerError):
    retryable = True
    may_have_arrived = True


class UnexpectedStatus(AnswerError):
    """A status that the API doesn't document, or a redirect, which is never followed."""

    def __init__(self, status: int, body: ErrorBody | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(status, body, retry_after=retry_after)
        self.retryable = status in PASSING_STATUSES


PASSING_STATUSES = frozenset({408, 425})  # request timeout, too early

STATUS_ERRORS: Mapping[int, type[AnswerError]] = MappingProxyType(
    {
        400: BadRequest,
        401: Unauthorized,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        429: Throttled,
        **dict.fromkeys(range(500, 600), ServerError),
    }
)
