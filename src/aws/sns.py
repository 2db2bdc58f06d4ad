"""Amazon SNS over HTTPS: its signing certificates, kept while the process lives, and subscriptions confirmed."""

import os
from functools import lru_cache
from urllib.parse import urlsplit

import requests

from relay.problems import NotAuthenticated, Unavailable

TIMEOUT = (1, 3)  # seconds to connect, and between two pieces of the answer
MAX_SNS_ANSWER_BYTES = 65_536


class SnsHttp:
    """See `relay.receive.webhooks.Sns`. The addresses come checked: https, and a host of SNS."""

    def fetch(self, url: str) -> bytes:
        """The certificate in PEM. Raises Unavailable, or NotAuthenticated where SNS has no such certificate."""
        try:
            return _certificate(url)
        except _NotThere:
            raise NotAuthenticated("no such certificate") from None
        except (requests.RequestException, ValueError):
            raise Unavailable("The signing certificate can't be fetched now; send it again.") from None

    def confirm(self, url: str) -> None:
        """Raises Unavailable."""
        try:
            _get(url)
        except (requests.RequestException, ValueError):
            raise Unavailable("The subscription can't be confirmed now; SNS tries again.") from None


class _NotThere(ValueError):
    """Whoever named this address made it up."""


@lru_cache(maxsize=8)
def _certificate(url: str) -> bytes:
    return _get(url)


def _get(url: str) -> bytes:
    """The body of a 200; never follows a redirect, for only the first address was checked."""
    with requests.get(_reachable(url), timeout=TIMEOUT, allow_redirects=False, stream=True) as response:
        if response.status_code in {requests.codes.forbidden, requests.codes.not_found}:
            raise _NotThere
        if response.status_code != requests.codes.ok:
            raise ValueError(f"answered {response.status_code}")
        content = response.raw.read(MAX_SNS_ANSWER_BYTES + 1, decode_content=True)
    if len(content) > MAX_SNS_ANSWER_BYTES:
        raise ValueError("answered too much")
    return bytes(content)


def _reachable(url: str) -> str:
    """The address itself; where AWS's own variable names another endpoint for SNS, as locally, that endpoint's."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_SNS")
    parts = urlsplit(url)
    return endpoint + parts._replace(scheme="", netloc="").geturl() if endpoint else url
