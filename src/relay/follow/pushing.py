"""Reads a body of delivery reports that OMNI pushes, in JSON or XML. A result that can't be read spoils no other."""

import codecs
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from omni.models import Report
from omni.xml import MalformedXml, read_document
from relay import limits
from relay.follow.reports import Heard, heard_of
from relay.ports import Telemetry
from relay.problems import InvalidBody, MalformedRequest, PayloadTooLarge
from relay.verification.decoding import decode


def reports_in(body: bytes, telemetry: Telemetry) -> Sequence[Heard]:
    """Returns what the body's results say, and logs those that can't be read.

    Raises:
        MalformedRequest: it is neither JSON nor XML.
        InvalidBody: it has no list of results.
        PayloadTooLarge: it has more bytes or results than OMNI sends.
    """
    if len(body) > limits.REPORTS_BYTES:
        raise PayloadTooLarge(f"Send at most {limits.REPORTS_BYTES} bytes.")
    results = _results(body)
    if len(results) > limits.REPORTS:
        raise PayloadTooLarge(f"Send at most {limits.REPORTS} results.")
    heard = list(_read(results))
    malformed = len(results) - len(heard)
    if malformed:
        telemetry.count("ReportsMalformed", malformed)
        telemetry.log("warning", "report_malformed", results=malformed)
    return heard


def _results(body: bytes) -> list[Any]:
    value: Any
    body = body.removeprefix(codecs.BOM_UTF8)
    if body.lstrip().startswith(b"<"):
        try:
            value = read_document(body)[1]
        except MalformedXml as problem:
            raise MalformedRequest(f"not XML that can be read: {problem}") from None
    else:
        value = decode(body, None, expects="json")
    results = value.get("results") if isinstance(value, dict) else None
    if not isinstance(results, list):
        raise InvalidBody("expected a list named results")
    return results


def _read(results: Sequence[Any]) -> Iterator[Heard]:
    for result in results:
        try:
            heard = heard_of(Report.from_wire(result))
        except ValidationError:
            continue
        if heard and len(heard.message_id) <= limits.EVENT_ID_CHARS:
            yield heard
