"""JSON Web Tokens: the sender signs a token with a key of its published set. The token doesn't cover the body."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from relay import limits
from relay.problems import NotAuthenticated
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import Keys, check_window, header

TokenAlgorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_TIMELESS = 10**11  # seconds; no time of a token is so far from 1970
_KEYS_SECONDS = 3_600  # for which a set is used without looking again
_UNKNOWN_KEY_SECONDS = 60  # likewise for an unknown key, so that strangers can't make us fetch the set all the time


@dataclass(frozen=True, slots=True)
class TokenOfKeySetScheme:
    """Trusts the keys at one configured address, for one issuer and audience.

    Nothing of the token chooses a key's address or kind: `jku`, `x5u` and `jwk` are ignored, and so is an algorithm
    that isn't configured.

    Source: RFC 7519 (tokens), RFC 7517 (key sets) and RFC 8725 (best practices).

    Attributes:
        key_set: the https address of the key set.
        issuers: the values that `iss` may have.
        audience: is in `aud`.
        algorithms: those that the sender signs by.
        claims: further claims, which must have these very values.
        header: carries the token after `prefix`.
        tolerance: seconds by which clocks may differ.
    """

    key_set: str = ""
    issuers: tuple[str, ...] = ()
    audience: str = ""
    algorithms: tuple[TokenAlgorithm, ...] = ("RS256",)
    claims: Mapping[str, str | bool | int] = field(default_factory=dict)
    header: str = "authorization"
    prefix: str = "Bearer "
    tolerance: int = 60

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return (self.header,)

    def check(self, request: InboundRequest, keys: Keys) -> None:
        value = header(request, self.header)
        token = value.removeprefix(self.prefix)
        if not value.startswith(self.prefix) or len(token) > limits.TOKEN_CHARS or not _TOKEN.fullmatch(token):
            raise NotAuthenticated("malformed token")
        claims = self._claims(token, keys)
        for name, expected in self.claims.items():
            if type(claims.get(name)) is not type(expected) or claims[name] != expected:
                raise NotAuthenticated(f"wrong claim {name}")
        self._check_time(request, claims)

    def _claims(self, token: str, keys: Keys) -> dict[str, Any]:
        """Returns the claims of a token with the right signature, issuer and audience."""
        # Imported here: only this scheme needs PyJWT and its cryptography, which cost a cold start a lot.
        import jwt

        try:
            head = jwt.get_unverified_header(token)
            if head.get("alg") not in self.algorithms:
                raise NotAuthenticated("algorithm not configured")
            key = jwt.PyJWK(self._key(head.get("kid"), keys), algorithm=head["alg"])
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[head["alg"]],
                issuer=self.issuers,
                audience=self.audience,
                # Our clock is API Gateway's, so that a recorded event verifies whenever it is run again.
                options={"require": ["exp"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidIssuerError:
            raise NotAuthenticated("wrong issuer") from None
        except jwt.InvalidAudienceError:
            raise NotAuthenticated("wrong audience") from None
        except jwt.InvalidSignatureError:
            raise NotAuthenticated("wrong signature") from None
        except (jwt.PyJWTError, ValueError, TypeError, LookupError, RecursionError):
            raise NotAuthenticated("malformed token") from None
        return claims

    def _key(self, name: Any, keys: Keys) -> dict[str, Any]:
        """Returns the key of this name. It may be too new for the set that we have."""
        if not isinstance(name, str) or keys.key_set is None:
            raise NotAuthenticated("no key named")
        for max_age in (_KEYS_SECONDS, _UNKNOWN_KEY_SECONDS):
            for key in keys.key_set(self.key_set, max_age):
                if key.get("kid") == name and key.get("use", "sig") == "sig":
                    return dict(key)
        raise NotAuthenticated("unknown key")

    def _check_time(self, request: InboundRequest, claims: Mapping[str, Any]) -> None:
        times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
        if not all(type(at) in (int, float) and abs(at) < _TIMELESS for at in times.values()):
            raise NotAuthenticated("malformed time in the token")
        check_window(request, times.pop("exp"), past=self.tolerance, future=_TIMELESS)
        for at in times.values():
            check_window(request, at, past=_TIMELESS, future=self.tolerance)
