"""A stand-in for senders that publish their keys: it signs JSON Web Tokens, and answers with the key set.

The local stack sets `KEY_SETS_ENDPOINT_URL` to it, so that no request leaves the machine.
"""

import base64
import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from relay.verification.json_web_tokens import TokenOfKeySetScheme
from sandbox.local_sns import private_key

_KEY_ID = "local-key"
_VALID_SECONDS = 3_600


def token(scheme: TokenOfKeySetScheme, now: datetime) -> str:
    """A token that this scheme accepts at `now`, signed by RS256. It is the same each time."""
    at = int(now.timestamp())
    claims = {
        "iss": scheme.issuers[0],
        "aud": scheme.audience,
        "iat": at,
        "exp": at + _VALID_SECONDS,
        **scheme.claims,
    }
    signed = f"{_part({'alg': 'RS256', 'kid': _KEY_ID, 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_base64(private_key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def keys(_url: str = "", _max_age: float = 0) -> list[dict[str, Any]]:
    """The keys, as `relay.ports.KeySets` gives them."""
    numbers = private_key().public_key().public_numbers()
    return [{"kty": "RSA", "kid": _KEY_ID, "use": "sig", "n": _number(numbers.n), "e": _number(numbers.e)}]


def key_set_routes(prefix: str) -> list[Route]:
    """Routes for a Starlette app. `KEY_SETS_ENDPOINT_URL` is the app's address followed by `prefix`."""

    def answer(_request: Request) -> JSONResponse:
        return JSONResponse({"keys": keys()})

    return [Route(prefix + "/{path:path}", answer, methods=["GET"])]


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
