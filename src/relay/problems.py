"""Defines Problem, which answers a request that isn't taken (RFC 9457), and Mistake, for what a person wrote wrong."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

WHOLE_BODY = "(body)"
_FIELD_NAME = re.compile(r"[A-Za-z_][\w-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldError:
    """`field` is a path in the body, such as `to[0].phone`, or `WHOLE_BODY`."""

    field: str
    problem: str


def field_path(parts: Iterable[int | str]) -> str:
    """Gives `to[0].phone` for `("to", 0, "phone")`. A part that can't be a field's name is shown as "…".

    Such a part may be an address or a secret.
    """
    shown = (part if isinstance(part, int) or _FIELD_NAME.fullmatch(part) else "…" for part in parts)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in shown).lstrip(".") or WHOLE_BODY


class Mistake(ValueError):
    """A person wrote something that can't be used: an address, a URL, an expression, a template, a schema.

    Attributes:
        detail: what was expected; it never quotes an event's data.
        place: the field or the line where the mistake is; empty for the whole.
    """

    def __init__(self, detail: str, place: str = "") -> None:
        super().__init__(f"{place}: {detail}" if place else detail)
        self.detail = detail
        self.place = place


class Problem(Exception):
    """The relay answers this instead of taking the event.

    Attributes:
        detail: what to do; it never quotes the body.
        errors: the wrong fields, if fields of the body are wrong.
        retry_after: seconds after which a retry may help; None if none helps.
    """

    status: ClassVar[int]
    title: ClassVar[str]
    retry_after: ClassVar[int | None] = None

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)


class MalformedRequest(Problem):
    status, title = 400, "The body can't be read"


class NotAuthenticated(Problem):
    status, title = 401, "The request isn't authenticated"


class UnknownSource(Problem):
    status, title = 404, "There is no such source"


class MethodNotAllowed(Problem):
    """Attributes: `allowed`, the methods that this source takes."""

    status, title = 405, "The source doesn't take this method"

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(f"Send {' or '.join(allowed)}.")
        self.allowed = tuple(allowed)


class DuplicateInFlight(Problem):
    status, title, retry_after = 409, "The first copy of this event is still being sent", 5


class PayloadTooLarge(Problem):
    status, title = 413, "The body is too large"


class InvalidBody(Problem):
    status, title = 422, "The body isn't what this source takes"


class TooManyHeaders(Problem):
    status, title = 431, "The headers are too large"


class Unavailable(Problem):
    status, title, retry_after = 503, "The event could not be made durable; send it again", 10
