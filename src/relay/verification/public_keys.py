"""Signatures that a public key or a certificate verifies: ed25519, ECDSA on P-256 and RSA (PKCS #1 v1.5)."""

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from relay.problems import NotAuthenticated

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

PublicAlgorithm = Literal["ed25519", "ecdsa-p256-sha256", "rsa-sha256"]
_ED25519_KEY_BYTES = 32
_P256_POINT_BYTES = 65


def verifies(algorithm: PublicAlgorithm, key: bytes, signature: bytes, content: bytes) -> bool:
    """Tells whether the signature is right. A key of another kind, or that is none, verifies nothing.

    `key` is PEM, DER (SubjectPublicKeyInfo), or the raw bytes of an ed25519 key or of a point of P-256. An ECDSA
    signature is DER.
    """
    # Imported here: only sources with a public key need it, and it costs tens of milliseconds of a cold start.
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        match algorithm, _loaded(key):
            case "ed25519", Ed25519PublicKey() as public:
                public.verify(signature, content)
            case "ecdsa-p256-sha256", EllipticCurvePublicKey(curve=SECP256R1()) as public:
                public.verify(signature, content, ECDSA(SHA256()))
            case "rsa-sha256", RSAPublicKey() as public:
                public.verify(signature, content, PKCS1v15(), SHA256())
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):  # the last two mean that the key isn't one
        return False
    return True


def check_by_certificate(
    pem: bytes, now: datetime, signature: bytes, content: bytes, algorithm: Literal["SHA1", "SHA256"]
) -> None:
    """Raises NotAuthenticated unless the certificate's RSA key made the signature and is valid now."""
    # Imported here: only a few schemes need X.509, and it costs tens of milliseconds of a cold start.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_pem_x509_certificate

    try:
        certificate = load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except ValueError:
        raise NotAuthenticated("malformed certificate") from None
    if not isinstance(key, RSAPublicKey):
        raise NotAuthenticated("malformed certificate")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise NotAuthenticated("certificate not valid now")
    try:
        key.verify(signature, content, PKCS1v15(), getattr(hashes, algorithm)())
    except InvalidSignature:
        raise NotAuthenticated("wrong signature") from None


def _loaded(key: bytes) -> "PublicKeyTypes":
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    if key.startswith(b"-----BEGIN"):
        return load_pem_public_key(key)
    if len(key) == _ED25519_KEY_BYTES:
        return Ed25519PublicKey.from_public_bytes(key)
    if len(key) == _P256_POINT_BYTES:
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key)
    return load_der_public_key(key)
