"""Amazon SNS over HTTPS: fetches signing certificates, which it keeps in memory, and confirms subscriptions."""

import os
from functools import lru_cache
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from relay.problems import NotAuthenticated, Unavailable

TIMEOUT = (1, 3)  # seconds to connect, and between two bytes of the answer
MAX_SNS_ANSWER_BYTES = 65_536
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, ValueError)


class SnsHttp:
    """See `relay.ports.Sns`. The caller has checked that the URLs are https and of a host of SNS."""

    def fetch(self, url: str) -> bytes:
        """Returns the certificate in PEM. Raises Unavailable, or NotAuthenticated if SNS has no such certificate."""
        try:
            return _certificate(url)
        except _NotFound:
            raise NotAuthenticated("no such certificate") from None
        except _FAILURES:
            raise Unavailable("The signing certificate can't be fetched now; send it again.") from None

    def confirm(self, url: str) -> None:
        """Raises Unavailable."""
        try:
            _get(url)
        except _FAILURES:
            raise Unavailable("The subscription can't be confirmed now; SNS tries again.") from None


class _NotFound(ValueError):
    """SNS has nothing there, so the URL was made up."""


@lru_cache(maxsize=8)
def _certificate(url: str) -> bytes:
    return _get(url)


def _get(url: str) -> bytes:
    """Returns the body of a 200. Follows no redirect, because only the first URL was checked."""
    with requests.get(_reachable(url), timeout=TIMEOUT, allow_redirects=False, stream=True) as response:
        if response.status_code in {requests.codes.forbidden, requests.codes.not_found}:
            raise _NotFound
        if response.status_code != requests.codes.ok:
            raise ValueError(f"answered {response.status_code}")
        content = response.raw.read(MAX_SNS_ANSWER_BYTES + 1, decode_content=True)
    if len(content) > MAX_SNS_ANSWER_BYTES:
        raise ValueError("answered too much")
    return bytes(content)


def _reachable(url: str) -> str:
    """Returns the URL at the endpoint that AWS's own variable names, if it is set, as in the local stack."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_SNS")
    parts = urlsplit(url)
    return endpoint + parts._replace(scheme="", netloc="").geturl() if endpoint else url
