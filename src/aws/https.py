"""Reads small public documents over HTTPS, such as certificates and key sets."""

import os
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

TIMEOUT = (1, 3)  # seconds to connect, and between two bytes of the answer
MAX_ANSWER_BYTES = 65_536
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, ValueError)


class NotFound(ValueError):
    """There is nothing at this URL."""


def get(url: str, *, endpoint_variable: str) -> bytes:
    """Returns the body of a 200. Follows no redirect, because only this URL was checked.

    Args:
        url: an https address that the caller trusts.
        endpoint_variable: the environment variable that names another endpoint, as in the local stack.

    Raises:
        NotFound: the answer is 403 or 404.
        FAILURES: there is no answer, or another one.
    """
    address = _reachable(url, os.environ.get(endpoint_variable))
    with requests.get(address, timeout=TIMEOUT, allow_redirects=False, stream=True) as response:
        if response.status_code in {requests.codes.forbidden, requests.codes.not_found}:
            raise NotFound
        if response.status_code != requests.codes.ok:
            raise ValueError(f"answered {response.status_code}")
        content = response.raw.read(MAX_ANSWER_BYTES + 1, decode_content=True)
    if len(content) > MAX_ANSWER_BYTES:
        raise ValueError("answered too much")
    return bytes(content)


def _reachable(url: str, endpoint: str | None) -> str:
    return endpoint + urlsplit(url)._replace(scheme="", netloc="").geturl() if endpoint else url
