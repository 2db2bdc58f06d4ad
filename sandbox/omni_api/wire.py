"""Requests and answers on the wire: their formats, reading, writing, and the credentials."""

import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NoReturn

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from sandbox.omni_api.errors import ApiError, bad_request, error_payload
from sandbox.omni_api.xml import BadXml, parse_xml, render_xml


class Format(StrEnum):
    JSON = "application/json"
    XML = "application/xml"


_FORMATS: Final[Mapping[str, Format]] = {
    "application/json": Format.JSON,
    "application/xml": Format.XML,
    "text/xml": Format.XML,
}


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request, as a handler sees it."""

    endpoint: str
    path: Mapping[str, str]
    query: QueryParams
    body: bytes
    given: Format | None
    wanted: Format


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A handler's answer. `root` names the XML document."""

    payload: Mapping[str, Any]
    root: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def given_format(headers: Headers) -> Format | None:
    """The body's format: JSON if the header is missing, None if it names another format than JSON and XML."""
    media_type = headers.get("content-type", Format.JSON).partition(";")[0].strip().lower()
    return _FORMATS.get(media_type)


def wanted_format(headers: Headers) -> Format:
    """The answer's format: the best of `Accept` that we have, or else the request's own, or else JSON."""
    ranked = sorted(_accepted(headers.get("accept", "")), key=lambda choice: -choice[1])
    for media_type, weight in ranked:
        if weight > 0 and media_type in _FORMATS:
            return _FORMATS[media_type]
    return given_format(headers) or Format.JSON


def _accepted(header: str) -> Iterable[tuple[str, float]]:
    for choice in header.split(","):
        media_type, *parameters = (part.strip().lower() for part in choice.split(";"))
        weights = [value.removeprefix("q=") for value in parameters if value.startswith("q=")]
        yield media_type, _weight(weights[0]) if weights else 1.0


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def read_body(call: ApiCall) -> Any:
    """The request's content, in the same shape for both formats.

    Raises:
        ApiError: 400 if it can't be read.
    """
    if call.given is None:
        raise bad_request("Content-Type must be application/json or application/xml")
    return parse_json(call.body) if call.given is Format.JSON else _parse_xml(call.body)


def parse_json(body: bytes) -> Any:
    """Reads strict JSON: UTF-8, no NaN, no lone surrogates, no endless nesting. Raises ApiError."""
    try:
        content = json.loads(body.decode("utf-8-sig"), parse_constant=_not_json)
        json.dumps(content, ensure_ascii=False).encode()  # so that everything we keep can be written again
    except (ValueError, RecursionError) as error:
        raise bad_request("The body is not valid JSON") from error
    return content


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _parse_xml(body: bytes) -> Any:
    try:
        return parse_xml(body)
    except BadXml as error:
        raise bad_request(f"The body can't be read: {error}") from error


def respond(answer: ApiAnswer, wanted: Format) -> Response:
    if wanted is Format.XML:
        content = render_xml(answer.root, answer.payload)
    else:
        content = json.dumps(answer.payload, ensure_ascii=False).encode()
    return Response(content, answer.status, dict(answer.headers), media_type=wanted.value)


def respond_error(error: ApiError, wanted: Format) -> Response:
    payload = error_payload(error.status, error.text)
    if wanted is Format.XML:
        return respond(ApiAnswer(payload["requestError"], "requestError", error.status, error.headers), wanted)
    return respond(ApiAnswer(payload, "", error.status, error.headers), wanted)


def canonical_credential(authorization: str) -> bytes:
    """An Authorization value in one spelling: its scheme in lower case, Basic without padding."""
    scheme, _, rest = authorization.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "basic":
        rest = rest.rstrip("=")
    return f"{scheme.lower()} {rest}".encode("utf-8", "surrogateescape")


def authorize(headers: Headers, credentials: frozenset[bytes]) -> None:
    """Lets known credentials pass. Their scheme may be written in any case.

    Raises:
        ApiError: 401 for all others.
    """
    given = canonical_credential(headers.get("authorization", ""))
    if not any(hmac.compare_digest(given, known) for known in credentials):
        raise ApiError(401, "Invalid login details")
