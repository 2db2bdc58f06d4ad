"""Writes into docs/senders/ what the table of presets says: `python -m sandbox.sender_pages`.

A page is written by hand, except for the table below its title. README.md is, except for its table of the pages.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from relay.verification import Verification, event_ids, parse
from relay.verification.credentials import AuthorizationScheme, TokenScheme
from relay.verification.handshakes import NOTHING, SIGNATURE, Handshake
from relay.verification.json_web_tokens import TokenOfKeySetScheme
from relay.verification.paypal import PaypalScheme
from relay.verification.primitives import Scheme
from relay.verification.signatures import SignatureScheme
from relay.verification.sns import SnsScheme
from relay.verification.standard_webhooks import StandardWebhooksScheme
from relay.verification.twilio import TwilioScheme
from sandbox.stack.settings import PROJECT

PAGES = PROJECT / "docs" / "senders"
_SNIPPET = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"\A# (?P<title>.+)\n\n(?:(?:\|.*\n)+\n*)*")
_README_TABLE = re.compile(r"^\| page \|.*\n(?:\|.*\n)*", re.MULTILINE)
_ALGORITHMS = {"ed25519": "ed25519", "ecdsa-p256-sha256": "ECDSA (P-256, SHA-256)", "rsa-sha256": "RSA (SHA-256)"}
_BODIES = {
    "json": "JSON, whatever the content type says",
    "json-or-form": "JSON or a form",
    "json-or-payload": "JSON, or a form whose `payload` is JSON",
}
_ANSWERS = {
    "direct": "200 after sending (`delivery: direct`)",
    "queued": "{accepted} at once (`delivery: queued`)",
}
_MANY_FIELDS = 3  # of the body, which a page names below
_MANY = 9  # settings, for which a page has a table of its own
_IDS_BY_FUNCTION: Mapping[event_ids.EventId, str] = {
    event_ids.from_alerts: "made of group, status and alerts",
    event_ids.from_twilio: "the SID with the status",
    event_ids.unnamed: "a hash of the body, if the source has no `id:`",
}


@dataclass(frozen=True, slots=True)
class Source:
    """The source that a page gives to paste."""

    verification: Verification
    settings: Mapping[str, Any]

    @property
    def delivery(self) -> str:
        return str(self.settings.get("delivery") or self.verification.delivery)


def pages() -> dict[str, str]:
    """The content that each file should have, by its name."""
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("*.md"))}
    readme = found.pop("README.md")
    sources = {name: _source(text) for name, text in found.items()}
    rows = [_row(name, found[name], source) for name, source in sources.items()]
    table = "\n".join(["| page | proves itself by | event id | by default |", "|---|---|---|---|", *rows, ""])
    return {
        "README.md": _README_TABLE.sub(lambda _: table, readme),
        **{name: _with_facts(text, sources[name]) for name, text in found.items()},
    }


def _source(page: str) -> Source:
    snippet = _SNIPPET.search(page)
    ((_, settings),) = yaml.safe_load(snippet.group(1) if snippet else "").items()
    return Source(parse(settings["verify"]), settings)


def _row(name: str, page: str, source: Source) -> str:
    title = page.partition("\n")[0].removeprefix("# ")
    return f"| [{title}]({name}) | {_kind(source.verification)} | {_event_id(source)} | {source.delivery} |"


def _with_facts(page: str, source: Source) -> str:
    table = [f"| preset | `{source.verification.name}` |", "|---|---|"]
    table += [f"| {name} | {value} |" for name, value in _facts(source)]
    return _TITLE.sub(lambda found: f"# {found['title']}\n\n" + "\n".join(table) + "\n\n", page)


def _facts(source: Source) -> Iterator[tuple[str, str]]:
    verification = source.verification
    yield "proof", _proof(verification.scheme)
    if window := _window(verification.scheme):
        yield "valid for", window
    yield "event id", _event_id(source)
    yield "bodies", _BODIES[verification.body_format]
    answer = _ANSWERS[source.delivery].format(accepted=verification.accepted)
    yield "answer", f"{answer}, or [another](README.md#answers)"
    if verification.handshakes:
        yield "handshake", "; ".join(map(_handshake, verification.handshakes))
    if settings := [f"`{name}`" for name in verification.model.model_fields if name != "preset"]:
        yield "settings", ", ".join(settings) if len(settings) < _MANY else "below"


def _kind(verification: Verification) -> str:
    scheme = verification.scheme
    if isinstance(scheme, SignatureScheme):
        window = f", {_duration(scheme.tolerance)}" if _window(scheme) else ""
        return f"{_algorithm(scheme)}{'' if scheme.covers_body else ' of a part'}{window}"
    return _SHORT[type(scheme)]


_SHORT: Mapping[type[Any], str] = {
    TokenScheme: "a token",
    AuthorizationScheme: "a token or a password",
    StandardWebhooksScheme: "HMAC-SHA-256 or ed25519, 5 minutes",
    SnsScheme: "RSA, SNS's certificate",
    TwilioScheme: "HMAC-SHA-1 or -SHA-256",
    TokenOfKeySetScheme: "a JSON Web Token",
    PaypalScheme: "RSA, PayPal's certificate",
}


def _algorithm(scheme: SignatureScheme) -> str:
    return _ALGORITHMS.get(scheme.algorithm) or f"HMAC-{scheme.algorithm.upper().replace('SHA', 'SHA-', 1)}"


def _proof(scheme: Scheme) -> str:
    proof = "HMAC-SHA-1 or -SHA-256 of the address and each form field, base64, in `x-twilio-signature`"
    match scheme:
        case SignatureScheme():
            covered = f"`{scheme.signed}`" if scheme.signed.count("{field:") < _MANY_FIELDS else "fields of the body"
            proof = f"{_algorithm(scheme)} of {covered}, {scheme.encoding}, in {_place(scheme)}"
        case StandardWebhooksScheme():
            signed = "`{id}.{timestamp}.{body}`"
            proof = f"`v1` (HMAC-SHA-256) or `v1a` (ed25519) of {signed} in `{scheme.names}-signature`"
        case TokenScheme():
            proof = f"the secret itself in {_place(scheme)}"
        case AuthorizationScheme():
            proof = "the secret in `authorization`: " + (scheme.auth or "bearer, or basic if it has a colon")
        case TokenOfKeySetScheme():
            algorithms = ", ".join(scheme.algorithms)
            proof = f"a JSON Web Token ({algorithms}) in `{scheme.header}`, by a key of `{scheme.key_set}`"
        case SnsScheme():
            proof = "RSA by SNS's certificate over fields of the body"
        case PaypalScheme():
            proof = "RSA-SHA-256 by PayPal's certificate over two headers and the body's CRC-32"
    return proof


def _place(scheme: SignatureScheme | TokenScheme) -> str:
    if scheme.field:
        return f"the body's `{scheme.field}`"
    return f"the query's `{scheme.query}`" if scheme.query else f"`{scheme.header}`"


def _window(scheme: Scheme) -> str | None:
    match scheme:
        case StandardWebhooksScheme():
            return f"{_duration(scheme.tolerance)} by `{scheme.names}-timestamp`"
        case SignatureScheme(timestamp_header=str(name)):
            return f"{_duration(scheme.tolerance)} by `{name}`"
        case SignatureScheme(timestamp_field=str(name)):
            return f"{_duration(scheme.tolerance)} by the body's `{name}`"
        case SignatureScheme(timestamp_prefix=str(name)):
            return f"{_duration(scheme.tolerance)} by the item `{name}`"
    return None


def _duration(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % length == 0:
            return f"{seconds // length} {unit}{'' if seconds == length else 's'}"
    return f"{seconds} seconds"


def _event_id(source: Source) -> str:
    return "the source's `id:`" if "id" in source.settings else _named(source.verification.event_id)


def _named(event_id: event_ids.EventId) -> str:
    match event_id:
        case event_ids.FromHeader(names):
            return ", else ".join(f"`{name}`" for name in names)
        case event_ids.FromBody(paths):
            shared = ".".join(takewhile(lambda step: all(step in path for path in paths), paths[0].split(".")[:-1]))
            named = ", ".join(f"`{path.removeprefix(shared).lstrip('.')}`" for path in paths)
            return f"{named} in the body's `{shared}`" if shared else f"the body's {named}"
    return _IDS_BY_FUNCTION[event_id]


def _handshake(handshake: Handshake) -> str:
    recognised = ", ".join(
        f"{place.replace(':', ' ', 1)}" + ("" if value == "*" else f" = {value}")
        for place, value in handshake.when.items()
    )
    proven = {NOTHING: "nothing is proven", SIGNATURE: "proven as an event is"}
    return f"{handshake.method} with `{recognised}`, {proven.get(handshake.proof) or f'proven by `{handshake.proof}`'}"


def main() -> None:
    for name, text in pages().items():
        Path(PAGES / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
