"""Checks a URL that others choose (`notifyUrl`): it may lead to a public host by https, and into no private network."""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from relay import limits
from relay.problems import Mistake

_HTTPS_PORT = 443
_FIRST_UNPRIVILEGED_PORT = 1_024
_ALLOWED_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")  # RFC 3986
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
# The URL standard reads these as IPv4 addresses, too: 127.1, 0177.0.0.1, 0x7f000001, 2130706433.
_NUMERIC_LABEL = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
# Names that never lead to the public internet (RFC 6761, 6762, 8375, 9476), and names that private networks use.
_PRIVATE_DOMAINS = frozenset(
    {"alt", "corp", "example", "home", "home.arpa", "internal", "intranet", "invalid", "lan", "local", "localdomain"}
    | {"localhost", "onion", "private", "test"}
)
# Addresses of 6to4, Teredo and NAT64 carry another address inside, or lead to one; they have no use here.
_TUNNELS = tuple(IPv6Network(net) for net in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48"))
_GLOBAL_UNICAST = IPv6Network("2000::/3")


def check_public_url(url: str) -> None:
    """Accepts https URLs of public hosts. A host's name is checked as a name, because OMNI resolves it. Raises Mistake.

    The port is 443 or an unprivileged one, because other low ports serve mail, SSH and the like.
    """
    if len(url) > limits.URL_CHARS or not _ALLOWED_CHARACTERS.fullmatch(url):
        raise Mistake(f"expected a URL of at most {limits.URL_CHARS} ASCII characters without spaces")
    parts, port = _split(url)
    if "@" in parts.netloc:
        raise Mistake("expected a URL without user name and password")
    if parts.scheme != "https":
        raise Mistake("expected https")
    if port not in {None, _HTTPS_PORT} and (port or 0) < _FIRST_UNPRIVILEGED_PORT:
        raise Mistake(f"expected port {_HTTPS_PORT}, or {_FIRST_UNPRIVILEGED_PORT} and up")
    _check_host(parts)


def is_public_address(text: str) -> bool:
    """Says whether an IP address, in its usual notation, is one of the public internet."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    tunnelled = any(address in net for net in _TUNNELS)
    return address in _GLOBAL_UNICAST and address.is_global and not tunnelled


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Mistake("expected a URL such as https://example.com/path") from None
    return parts, port


def _check_host(parts: SplitResult) -> None:
    host = parts.hostname or ""
    if not (is_public_address(host) if "[" in parts.netloc else _is_public_name(host.removesuffix("."))):
        raise Mistake("expected the name or address of a public host")


def _is_public_name(host: str) -> bool:
    labels = host.lower().split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        return is_public_address(host)
    if len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):  # noqa: PLR2004 - a name and its domain
        return False
    return labels[-1] not in _PRIVATE_DOMAINS and ".".join(labels[-2:]) not in _PRIVATE_DOMAINS
