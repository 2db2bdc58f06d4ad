"""Standard Webhooks, also under Svix's header names: `v1` is an HMAC, `v1a` an ed25519 signature."""

from dataclasses import dataclass, replace

from relay.problems import NotAuthenticated
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import Keys
from relay.verification.signatures import SignatureScheme

_PUBLIC_KEY_MARK = "whpk_"


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
    def symmetric(self) -> SignatureScheme:
        """The `v1` half as a scheme of its own."""
        return SignatureScheme(
            header=f"{self.names}-signature",
            encoding="base64",
            prefix="v1,",
            separator=" ",
            signed="{id}.{timestamp}.{body}",
            timestamp_header=f"{self.names}-timestamp",
            id_header=f"{self.names}-id",
            tolerance=self.tolerance,
            key_encoding="base64",
        )

    def check(self, request: InboundRequest, keys: Keys) -> None:
        secrets = keys.required_secrets()
        symmetric = self.symmetric
        asymmetric = replace(symmetric, algorithm="ed25519", prefix="v1a,")
        signed = symmetric.read(request)
        shared = tuple(secret for secret in secrets if not secret.startswith(_PUBLIC_KEY_MARK))
        public = tuple(secret for secret in secrets if secret.startswith(_PUBLIC_KEY_MARK))
        v1, v1a = symmetric.signatures(signed), asymmetric.signatures(signed)
        if not (shared and v1) and not (public and v1a):
            raise NotAuthenticated("no signature of a configured kind" if v1 or v1a else "malformed signature")
        if not (symmetric.matches(signed.content, v1, shared) or asymmetric.matches(signed.content, v1a, public)):
            raise NotAuthenticated("wrong signature")
