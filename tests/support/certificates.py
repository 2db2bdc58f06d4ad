"""Gives the certificate of the sandbox's SNS, which PayPal shares there, without a network."""

from sandbox import local_sns


def local_certificate(url: str) -> bytes:
    """Returns the certificate in PEM, and fails the test if it is asked for any other address."""
    assert url in (local_sns.CERTIFICATE_URL, f"https://api.paypal.com{local_sns.PAYPAL_PATH}")
    return local_sns.certificate()
