"""Amazon SNS over HTTPS: fetches signing certificates, which it keeps in memory, and confirms subscriptions."""

from functools import lru_cache

from aws import https
from relay.problems import NotAuthenticated, Unavailable

_ENDPOINT = "AWS_ENDPOINT_URL_SNS"  # AWS's own variable


class SnsHttp:
    """See `relay.ports.Sns`. The caller has checked that the URLs are https and of a host of SNS."""

    def fetch(self, url: str) -> bytes:
        """Returns the certificate in PEM. Raises Unavailable, or NotAuthenticated if SNS has no such certificate."""
        try:
            return _certificate(url)
        except https.NotFound:  # so the URL was made up
            raise NotAuthenticated("no such certificate") from None
        except https.FAILURES:
            raise Unavailable("The signing certificate can't be fetched now; send it again.") from None

    def confirm(self, url: str) -> None:
        """Raises Unavailable."""
        try:
            https.get(url, endpoint_variable=_ENDPOINT)
        except https.FAILURES:
            raise Unavailable("The subscription can't be confirmed now; SNS tries again.") from None


@lru_cache(maxsize=8)
def _certificate(url: str) -> bytes:
    return https.get(url, endpoint_variable=_ENDPOINT)
