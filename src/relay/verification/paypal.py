"""PayPal: an RSA signature over two headers and a checksum of the body, by a certificate of PayPal's own hosts."""

import re
from dataclasses import dataclass

from relay.problems import NotAuthenticated
from relay.verification.inbound import InboundRequest
from relay.verification.primitives import Keys, from_base64, hashed, header, raw
from relay.verification.public_keys import check_by_certificate

_CERTIFICATE_URL = re.compile(
    r"https://api(?:-m)?(?:\.sandbox)?\.paypal\.com/v1/notifications/certs/[A-Za-z0-9_-]{1,128}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class PaypalScheme:
    """There is no shared secret, so the webhook's id says which account's events are taken.

    Only the body's CRC-32 is signed. Whoever captured a request can make another body with the same one. PayPal tries
    again for three days, so there is no window.

    Source: PayPal's page "Integrate webhooks", its self-verification method.
    """

    webhook_id: str = ""

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return ("paypal-transmission-sig",)

    def check(self, request: InboundRequest, keys: Keys) -> None:
        identity, at = header(request, "paypal-transmission-id"), header(request, "paypal-transmission-time")
        signature = from_base64(header(request, "paypal-transmission-sig"))
        if signature is None:
            raise NotAuthenticated("malformed signature")
        if header(request, "paypal-auth-algo") != "SHA256withRSA":
            raise NotAuthenticated("unknown signature algorithm")
        url = header(request, "paypal-cert-url")
        if not _CERTIFICATE_URL.fullmatch(url):
            raise NotAuthenticated("the certificate's address is not PayPal's")
        content = raw(f"{identity}|{at}|{self.webhook_id}|{hashed(request.body, 'crc32')}")
        check_by_certificate(keys.certificate_at(url), request.received_at, signature, content, "SHA256")
