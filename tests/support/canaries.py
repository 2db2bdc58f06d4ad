"""What is planted and may not be said: in which forms it could be, and where it is found again."""

import base64
import json
from collections.abc import Mapping


def forms_of(secret: str) -> set[str]:
    """As it is, as basic authentication has it, and without the prefix that some senders give it."""
    return {secret, base64.b64encode(secret.encode()).decode(), secret.removeprefix("whsec_")}


def signatures(headers: Mapping[str, str]) -> set[str]:
    """What proves the sender, of headers with names in lower case."""
    return {value for name, value in headers.items() if "sign" in name or name == "authorization"}


def found(planted: set[str], text: str) -> list[str]:
    """In any escaping that JSON may have put on it."""
    shown = text + json.dumps(text) + text.encode().decode("unicode_escape", "replace")
    return sorted(canary for canary in planted if canary and canary in shown)
