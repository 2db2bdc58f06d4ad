"""Makes JSON Web Tokens and key sets by hand, with no library that the relay uses for them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Sign = Callable[[bytes], bytes]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@cache
def rsa_key(_name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(name.encode()).digest(), "big"), ec.SECP256R1())


@cache
def ed_key(name: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def rsa_jwk(name: str, **more: Any) -> dict[str, Any]:
    numbers = rsa_key(name).public_key().public_numbers()
    return {"kty": "RSA", "kid": name, "n": number(numbers.n), "e": number(numbers.e), **more}


def ec_jwk(name: str) -> dict[str, Any]:
    numbers = ec_key(name).public_key().public_numbers()
    x, y = (b64(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
    return {"kty": "EC", "kid": name, "crv": "P-256", "x": x, "y": y}


def ed_jwk(name: str) -> dict[str, Any]:
    return {"kty": "OKP", "kid": name, "crv": "Ed25519", "x": b64(ed_key(name).public_key().public_bytes_raw())}


def rs256(name: str) -> Sign:
    return lambda data: rsa_key(name).sign(data, padding.PKCS1v15(), hashes.SHA256())


def ps256(name: str) -> Sign:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
    return lambda data: rsa_key(name).sign(data, pss, hashes.SHA256())


def es256(name: str) -> Sign:
    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(ec_key(name).sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def hs256(key: bytes) -> Sign:
    return lambda data: hmac.digest(key, data, "sha256")


def token(head: Mapping[str, Any] | bytes, claims: Any, sign: Sign) -> str:
    """Signs the claims. A `head` or claims of bytes stand in the token as they are."""
    parts = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, claims))
    signed = ".".join(map(b64, parts))
    return f"{signed}.{b64(sign(signed.encode()))}"
