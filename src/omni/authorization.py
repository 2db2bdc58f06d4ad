"""The four forms of OMNI's Authorization header, and the check that a value is one of them."""

import base64
import binascii
import re

_FORM = re.compile(r"(app|basic|ibsso|bearer) +([\x21-\x7e]+)", re.IGNORECASE)


class InvalidAuthorization(ValueError):
    """The value has none of the four forms. The message never shows the value."""


def app_authorization(api_key: str) -> str:
    """Returns `App …`. Raises InvalidAuthorization, as the three functions below do."""
    return checked_authorization(f"App {api_key}")


def basic_authorization(user: str, password: str) -> str:
    if ":" in user:
        raise InvalidAuthorization("a user name for Basic can't hold a colon")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ibsso_authorization(token: str) -> str:
    return checked_authorization(f"IBSSO {token}")


def bearer_authorization(token: str) -> str:
    return checked_authorization(f"Bearer {token}")


def checked_authorization(value: str) -> str:
    """Returns the value without surrounding white space, because a value from a file often ends with a newline.

    Raises:
        InvalidAuthorization: it is not `App …`, `Basic …`, `IBSSO …` or `Bearer …`, in any letter case.
    """
    form = _FORM.fullmatch(value.strip())
    if form is None:
        raise InvalidAuthorization("expected App, Basic, IBSSO or Bearer, a space and the credentials, in ASCII")
    if form[1].lower() == "basic" and not _is_basic(form[2]):
        raise InvalidAuthorization("Basic needs base64 of user:password")
    return form[0]


def _is_basic(token: str) -> bool:
    """Padding is optional, because the API's own samples send the token both with and without it."""
    bare = token.rstrip("=")
    try:
        return b":" in base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return False
