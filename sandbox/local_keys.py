"""The private halves of the public keys in events/senders-secrets.yaml. Only the sandbox uses these fake keys."""

from collections.abc import Callable

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

_ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(b"an obviously fake key of 32 byte")
_P256 = ec.derive_private_key(int.from_bytes(b"an obviously fake key of 32 byte"), ec.SECP256R1())

_SIGNERS: dict[bytes, Callable[[bytes], bytes]] = {
    _ED25519.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw): _ED25519.sign,
    _P256.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    ): lambda content: _P256.sign(content, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)),
}


def sign(public_key: bytes, content: bytes) -> bytes:
    """Signs with the private half of this key (raw ed25519, or DER). Raises KeyError if it is none of ours."""
    return _SIGNERS[public_key](content)
