"""Canaries are planted values that may not appear in any output. Lists the forms of each one, and finds them again."""

import base64
import json
from collections.abc import Mapping


def forms_of(secret: str) -> set[str]:
    """Returns the secret itself, its base64 (as in basic authentication), and it without the prefix `whsec_`."""
    return {secret, base64.b64encode(secret.encode()).decode(), secret.removeprefix("whsec_")}


def each_secret(sources: Mapping[str, str | list[str]]) -> list[str]:
    """Returns the secrets of all sources, of which some have several and some none."""
    several = [[secrets] if isinstance(secrets, str) else secrets for secrets in sources.values()]
    return [secret for secrets in several for secret in secrets if secret]


def signatures(headers: Mapping[str, str]) -> set[str]:
    """Returns the values of the headers that prove the sender, but no time and no version. Names are in lower case."""
    proofs = {name: value for name, value in headers.items() if "sign" in name or name == "authorization"}
    return {value for name, value in proofs.items() if not name.endswith(("timestamp", "version"))}


def found(planted: set[str], text: str) -> list[str]:
    """Returns the planted values that occur in the text, even if JSON has escaped them."""
    shown = text + json.dumps(text) + text.encode().decode("unicode_escape", "replace")
    return sorted(canary for canary in planted if canary and canary in shown)
