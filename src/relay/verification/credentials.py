"""Senders that send a shared secret instead of a signature: a token in some place, or user and password."""

from dataclasses import dataclass
from typing import Literal

from relay.problems import NotAuthenticated
from relay.verification.inbound import InboundRequest
from relay.verification.places import Places, place
from relay.verification.primitives import Keys, any_equal, from_base64, header, raw

AuthScheme = Literal["bearer", "basic"]


@dataclass(frozen=True, slots=True)
class TokenScheme:
    """The header, the query's parameter or the body's field holds `prefix` and then the secret itself.

    If the field's path names an item of each list, every item must hold the secret.
    """

    header: str = ""
    query: str = ""
    field: str = ""
    prefix: str = ""

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return (self.header,) if self.header else ()

    def check(self, request: InboundRequest, keys: Keys) -> None:
        secrets = keys.required_secrets()
        where = place(self.header, self.query, self.field)
        values = Places(request).all(where)
        if not values or not all(values):
            raise NotAuthenticated(f"missing {where.replace(':', ' ', 1)}")
        if not all(value.startswith(self.prefix) for value in values):
            raise NotAuthenticated(f"malformed {where.replace(':', ' ', 1)}")
        accepted = [raw(secret) for secret in secrets]
        if not all(any_equal(raw(value.removeprefix(self.prefix)), accepted) for value in values):
            raise NotAuthenticated("wrong token")


@dataclass(frozen=True, slots=True)
class AuthorizationScheme:
    """`Authorization: Bearer <token>`, or `Basic <base64 of user:password>` with the secret as `user:password`.

    Without `auth`, a secret with a colon counts as user and password, and any other as a token.
    """

    auth: AuthScheme | None = None

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return ("authorization",)

    def check(self, request: InboundRequest, keys: Keys) -> None:
        secrets = keys.required_secrets()
        name, _, value = header(request, "authorization").partition(" ")
        kind = name.lower()
        accepted = [raw(secret) for secret in secrets if (self.auth or _shape(secret)) == kind]
        if not accepted:
            raise NotAuthenticated("authorization of another scheme than the configured one")
        given = _user_and_password(value) if kind == "basic" else raw(value.strip(" "))
        if not any_equal(given, accepted):
            raise NotAuthenticated("wrong credentials")


def _shape(secret: str) -> AuthScheme:
    return "basic" if ":" in secret else "bearer"


def _user_and_password(value: str) -> bytes:
    """Returns the credentials to compare as a whole. A user has no colon, so the first one ends it."""
    decoded = from_base64(value.strip(" "))
    if decoded is None or b":" not in decoded:
        raise NotAuthenticated("malformed credentials")
    return decoded
