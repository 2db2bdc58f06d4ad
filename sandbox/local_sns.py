"""A stand-in for SNS: a key, its certificate, and the two URLs that the relay calls when SNS writes to it.

The local stack sets `AWS_ENDPOINT_URL_SNS` to it, so that no request leaves the machine.
"""

import base64
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.verification.sns import signed_content

CERTIFICATE_PATH = "/SimpleNotificationService-local.pem"
PAYPAL_PATH = "/v1/notifications/certs/CERT-local-sandbox"  # the relay fetches PayPal's certificate by the same port
CERTIFICATE_URL = f"https://sns.eu-central-1.amazonaws.com{CERTIFICATE_PATH}"

# The two primes of a throw-away key. It stands here so that the event files stay verifiable; only this SNS uses it.
_P = int(
    "f7ad95d5b24cfcb576e88fe2df59447105ccbc4ea78bdb82fbd8d742554e1cb80c559a3ef7cbf05934b876e1ede2d0126a06"
    "724f41218d78671b34855843f53ac0e5208da8e079e709b3364e44f1b378e80948a2137b14a01308e282c2654ab4f8c284b0"
    "faa41a52d59c1dc7b35d858cf5155fb81ca09a79422ad75463199621",
    16,
)
_Q = int(
    "b9c3245a0485c5ad248eeb9d18bb323ef9f4ba1003bc93c31c9ae014ce55f3f95d12cda44b61c5d58b380906b47a71f646c2"
    "3be1b87f4d40f5b0a4e0b875ddf07d7b5b3fe24c1b55159bb5dcca198216059224af72cb8f01498ad4ed11cc45dc453ff114"
    "d233b40f2ba37ecd0e785265e9b98bcb0d211a91d5db5784cf69505b",
    16,
)
_EXPONENT = 65537
_HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}


@cache
def private_key() -> rsa.RSAPrivateKey:
    d = rsa.rsa_recover_private_exponent(_EXPONENT, _P, _Q)
    return rsa.RSAPrivateNumbers(
        p=_P,
        q=_Q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, _P),
        dmq1=rsa.rsa_crt_dmq1(d, _Q),
        iqmp=rsa.rsa_crt_iqmp(_P, _Q),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, _P * _Q),
    ).private_key()


@cache
def certificate() -> bytes:
    """The certificate in PEM. It is the same every time."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.local-sandbox")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key().public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(private_key(), hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def signed(message: dict[str, Any]) -> dict[str, Any]:
    """The message with a signature of its `SignatureVersion`."""
    message = message | {"SigningCertURL": CERTIFICATE_URL}
    algorithm = _HASHES[message["SignatureVersion"]]()
    signature = private_key().sign(signed_content(message), padding.PKCS1v15(), algorithm)
    return message | {"Signature": base64.b64encode(signature).decode()}


def _certificate(_request: Request) -> Response:
    return Response(certificate(), media_type="application/x-pem-file")


def _confirm(request: Request) -> Response:
    """Any confirmation succeeds, because the local relay has no real topic to subscribe to."""
    if request.query_params.get("Action") != "ConfirmSubscription":
        return Response(status_code=400)
    return Response("<ConfirmSubscriptionResponse/>", media_type="text/xml")


def sns_routes(prefix: str = "") -> list[Route]:
    """Routes for a Starlette app. `AWS_ENDPOINT_URL_SNS` is the app's address followed by `prefix`."""
    return [
        Route(prefix + CERTIFICATE_PATH, _certificate, methods=["GET"]),
        Route(prefix + PAYPAL_PATH, _certificate, methods=["GET"]),
        Route(prefix + "/", _confirm, methods=["GET"]),
    ]
