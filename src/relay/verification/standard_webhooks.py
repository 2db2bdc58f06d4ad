"""Standard Webhooks, also under Svix's header names: `v1` is an HMAC, `v1a` an ed25519 signature."""

from dataclasses import dataclass

from relay.problems import NotAuthenticated
from relay.verification.hmac_scheme import HmacScheme
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import Keys, from_base64, from_base64_key

_SIGNATURE_BYTES = 64
_PUBLIC_KEY_MARK = "whpk_"
_ED25519_MARK = "v1a,"


@dataclass(frozen=True, slots=True)
class StandardWebhooksScheme:
    """A secret `whsec_…` verifies `v1`, a public key `whpk_…` verifies `v1a`. Either kind or both may be configured.

    Source: the Standard Webhooks specification (standardwebhooks.com).
    """

    names: str = "webhook"
    tolerance: int = 300

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return (f"{self.names}-signature",)

    @property
    def symmetric(self) -> HmacScheme:
        """The `v1` half as a scheme of its own."""
        return HmacScheme(
            header=f"{self.names}-signature",
            encoding="base64",
            prefix="v1,",
            separator=" ",
            signed="{id}.{timestamp}.{body}",
            timestamp_header=f"{self.names}-timestamp",
            id_header=f"{self.names}-id",
            tolerance=self.tolerance,
            base64_key=True,
        )

    def check(self, request: InboundRequest, keys: Keys) -> None:
        secrets = keys.required_secrets()
        symmetric = self.symmetric
        signed = symmetric.read(request)
        shared = tuple(secret for secret in secrets if not secret.startswith(_PUBLIC_KEY_MARK))
        public = tuple(secret for secret in secrets if secret.startswith(_PUBLIC_KEY_MARK))
        v1, v1a = symmetric.signatures(signed), _ed25519_signatures(signed.signatures)
        if not (shared and v1) and not (public and v1a):
            raise NotAuthenticated("no signature of a configured kind" if v1 or v1a else "malformed signature")
        if not (symmetric.matches(signed.content, v1, shared) or _ed25519_matches(signed.content, v1a, public)):
            raise NotAuthenticated("wrong signature")


def _ed25519_signatures(items: tuple[str, ...]) -> tuple[bytes, ...]:
    decoded = (from_base64(item.removeprefix(_ED25519_MARK)) for item in items if item.startswith(_ED25519_MARK))
    return tuple(value for value in decoded if value is not None and len(value) == _SIGNATURE_BYTES)


def _ed25519_matches(content: bytes, given: tuple[bytes, ...], public_keys: tuple[str, ...]) -> bool:
    keys = (from_base64_key(secret.removeprefix(_PUBLIC_KEY_MARK)) for secret in public_keys)
    return any(_ed25519_verifies(key, signature, content) for key in keys if key for signature in given)


def _ed25519_verifies(public_key: bytes, signature: bytes, content: bytes) -> bool:
    # Imported here: most requests never need it, and it costs tens of milliseconds of a cold start.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, content)
    except (InvalidSignature, ValueError):  # ValueError means that the configured key isn't a key
        return False
    return True
