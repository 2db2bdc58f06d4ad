"""Takes a webhook in: size → source → signature over the raw bytes → decode → handshake or event id → schema → relay.

Nothing is parsed before it is verified, except a value that a scheme or a handshake has to find in the body.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from relay import limits
from relay.configure.sources import SOURCE_NAME, Source
from relay.deliver.outcomes import Outcome
from relay.deliver.relaying import Relayer
from relay.model.events import Event
from relay.ports import Configuration, ConfigurationUnavailable, KeySets, Sns
from relay.problems import Mistake, PayloadTooLarge, TooManyHeaders, Unavailable, UnknownSource
from relay.receive.handshakes import Answer, answer_by_itself, answer_verified, confirms
from relay.verification.decoding import LOST, decode
from relay.verification.inbound import InboundRequest
from relay.verification.verification import signing

_KEPT_HEADERS = re.compile(r"[a-z0-9-]{1,64}")
# These hold for every sender, because a neighbour's token may be sent here by mistake.
_TELLTALE = re.compile(r"authorization|cookie|hmac|password|secret|signature|token|api-?key|forwarded-for")
_SOURCE_NAME = re.compile(SOURCE_NAME)


def receive(
    name: str,
    request: InboundRequest,
    outcome: Outcome,
    *,
    configuration: Configuration,
    relayer: Relayer,
    sns: Sns,
    key_sets: KeySets,
    max_body_bytes: int,
) -> Outcome | Answer:
    """Takes a webhook in for the source of that name. Returns what became of its event, or the answer that sets the
    webhook up.

    Args:
        name: the last part of the URL.
        request: as it came, with nothing of it trusted.
        outcome: an empty one, which is filled in and returned. After a refusal it tells how far the request came.
        configuration: holds the sources.
        relayer: takes the verified event.
        sns: fetches certificates and confirms subscriptions.
        key_sets: gives the keys of senders that publish them.
        max_body_bytes: the largest body, decoded.

    Raises:
        Problem: the request isn't taken. Nothing else is raised.
    """
    _check_size(request, max_body_bytes)
    try:
        source = _source(name, configuration)
        outcome.source, outcome.verification = source.name, source.verification.name
        outcome.accepted = source.verification.accepted
        verify = partial(source.verification.check, request, source.secrets, sns.fetch, key_sets.keys)
        answer = answer_by_itself(source, request, verify)
        outcome.handshake = answer is not None
        if answer:
            return answer
        verify()
        if len(signing(source.secrets)) > 1:  # while they rotate, somebody waits for the old one to go out of use
            outcome.proved_by = source.verification.position(request, source.secrets)
        body = decode(request.body, request.headers.get("content-type"), expects=source.verification.body_format)
        answer = answer_verified(source, request, body)
        outcome.handshake = answer is not None
        if answer:
            return answer
        event = event_of(source, request, body)
        outcome.event_id = event.id
        outcome.handshake = confirms(source.verification, body, sns)
        if outcome.handshake:  # it is answered as an event that no route wanted
            return outcome
        if source.schema:
            source.schema.check(body)
        return relayer.relay(event, source, outcome=outcome)
    except ConfigurationUnavailable:
        raise Unavailable("The configuration can't be read now; send it again.") from None


def _check_size(request: InboundRequest, max_body_bytes: int) -> None:
    if len(request.body) > max_body_bytes:
        raise PayloadTooLarge(f"Send at most {max_body_bytes} bytes.")
    if sum(len(name) + len(value) for name, value in request.headers.items()) > limits.HEADER_BYTES:
        raise TooManyHeaders(f"Send at most {limits.HEADER_BYTES} bytes of headers.")


def _source(name: str, configuration: Configuration) -> Source:
    source = configuration.source(name) if _SOURCE_NAME.fullmatch(name) else None
    if source is None:
        raise UnknownSource("Check the last part of the URL; sources are those under `sources` in relay.yaml.")
    return source


def event_of(source: Source, request: InboundRequest, body: Any) -> Event:
    """Makes the event of a verified request and its decoded body."""
    headers = _kept_headers(source, request.headers)
    own_id, in_header = _own_id(source, request, headers, body)
    body_hash = _hash(request.body) if in_header or not own_id else ""
    return Event(
        source=source.name,
        id=own_id or body_hash,
        headers=headers,
        body=body,
        received_at=request.received_at,
        body_hash=body_hash if in_header else "",
    )


def _kept_headers(source: Source, headers: Mapping[str, str]) -> dict[str, str]:
    """Returns what routes may see: no credential, no signature, and only names and values that are text."""
    secret = source.verification.redacted
    return {
        name: value
        for name, value in headers.items()
        if name not in secret and not _TELLTALE.search(name) and _KEPT_HEADERS.fullmatch(name) and value.isprintable()
    }


class _EveryHeader(dict[str, str]):
    """Holds each header that is asked for."""

    def get(self, name: str, _default: Any = None) -> str:  # JMESPath asks by this
        return name


def _own_id(source: Source, request: InboundRequest, headers: Mapping[str, str], body: Any) -> tuple[str | None, bool]:
    """Returns the configured expression's value, else the preset's, else a message's own id; None if none is usable.

    The flag says that a header names the event, or would if the request had that header.
    """
    if source.id is None:
        found = source.verification.event_id(request, body)
        if found is None and source.format == "message" and isinstance(body, dict):
            return _usable(body.get("id")), False
        return _usable(found), source.verification.id_in_header

    def found_in(some: Mapping[str, str]) -> Any:
        try:
            return source.id and source.id.search({"headers": some, "body": body, "source": source.name})
        except Mistake:
            return None

    own_id = _usable(found_in(headers))
    if not any(mark in source.id.source for mark in ("headers", "@", "*")):
        return own_id, False
    # The value comes from a header if it is another one without headers.
    return own_id, found_in(headers if own_id else _EveryHeader()) != found_in({})


def _usable(found: Any) -> str | None:
    if not isinstance(found, str | int) or isinstance(found, bool) or not str(found) or LOST in str(found):
        return None
    text = str(found)
    if len(text) <= limits.EVENT_ID_CHARS and text.isprintable():
        return text
    return _hash(text.encode(errors="replace"))


def _hash(data: bytes) -> str:
    return f"sha256-{hashlib.sha256(data).hexdigest()}"
