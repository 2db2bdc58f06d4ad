"""Keeps foreign web pages from using the local servers, which have no log-in.

A page that a developer has open can send requests to this machine. It can even do so under its own name, by DNS
rebinding: its name then leads to 127.0.0.1. The browser says which name was asked for (`Host`) and whose page asks
(`Origin`, `Sec-Fetch-Site`). Other clients, such as curl and boto3, send neither of the last two.
"""

from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_NAMES: Final = frozenset({"localhost", "host.docker.internal"})  # Docker Desktop's name of this machine
_OWN_SITES: Final = frozenset({"same-origin", "none"})  # none: the person typed the address
_SHOWN: Final = 100


def refusal(
    method: str, headers: Mapping[str, str], hosts: Collection[str] = (), harmless: Collection[str] = READING
) -> str | None:
    """Why the request must not be answered, or None.

    `headers` are found by lower-case names. `hosts` are further names of this machine. `harmless` are the methods that
    change nothing, so that any page may use them.
    """
    host, own = headers.get("host"), f"http://{headers.get('host')}"
    if host is not None and not _is_this_machine(host, hosts):
        return f"Host {host[:_SHOWN]!r} is not this machine: use localhost or an IP address, or set PUBLIC_HOST"
    if method in harmless:
        return None
    for name, allowed in (("Origin", {own}), ("Sec-Fetch-Site", _OWN_SITES)):
        value = headers.get(name.lower())
        if value is not None and value not in allowed:
            return f"A web page of another origin must not do this: {name} {value[:_SHOWN]!r}"
    return None


def _is_this_machine(host: str, hosts: Collection[str]) -> bool:
    """Any IP address passes: a page that rebinds DNS is called by a name, never by an address."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name in _NAMES or name in hosts or name.endswith(".localhost"):
            return True
        ip_address(name)
    except ValueError:
        return False
    return True


class BrowserGuard:
    """ASGI middleware. `refuse` makes the server's own kind of answer of the request's headers and the reason."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        refuse: Callable[[Headers, str], Response],
        hosts: Collection[str] = (),
        harmless: Collection[str] = READING,
    ) -> None:
        self._app = app
        self._refuse = refuse
        self._hosts = hosts
        self._harmless = harmless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            why = refusal(scope["method"], headers, self._hosts, self._harmless)
            answer = self._app if why is None else self._refuse(headers, why)
        await answer(scope, receive, send)
