"""Whatever OMNI sends is read and written back unchanged, or refused with a typed error."""

import contextlib
import string
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from omni.answers import RawAnswer, read_error, read_model, retry_after_seconds
from omni.errors import AnswerError, InvalidRequest, MalformedAnswer
from omni.models import AdvancedRequest, OmniResponse, ReportsResponse, Scenario, Status, TextRequest
from omni.statuses import Policy, classify
from omni.wire import WireModel
from omni.xml import MalformedXml, from_xml, read_document, to_xml, write_document

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(string.ascii_letters + "_", min_size=1)


def objects(model: type[WireModel], known: dict[str, Any], required: tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    """Generates objects of the API with some of its fields and some unknown fields."""
    taken = {name for info in model.model_fields.values() for name in (info.alias,)} | {"defaultScenario"}
    unknown = st.dictionaries(TEXT.filter(lambda name: name not in taken), JSON, max_size=3)
    given_fields = st.fixed_dictionaries(
        {name: known[name] for name in required}, optional={k: v for k, v in known.items() if k not in required}
    )
    return st.builds(lambda a, b: a | b, unknown, given_fields)


STATUSES = objects(
    Status,
    {"groupId": st.integers(-9, 999), "groupName": TEXT, "id": st.integers(), "name": TEXT, "description": TEXT},
)
ANSWERS = objects(
    OmniResponse,
    {
        "bulkId": TEXT,
        "messages": st.lists(st.fixed_dictionaries({"status": STATUSES}, optional={"messageId": TEXT}), max_size=3),
    },
    required=("messages",),
)

pytestmark = pytest.mark.no_cover  # unit tests cover this code, and tracing thousands of examples takes long
ADVANCED = objects(
    AdvancedRequest,
    {
        "destinations": st.lists(
            st.fixed_dictionaries({"to": st.fixed_dictionaries({"phoneNumber": TEXT})}), max_size=2
        ),
        "sms": st.fixed_dictionaries({}, optional={"text": TEXT, "validityPeriod": st.integers(0, 99), "x": JSON}),
        "notify": st.booleans(),
    },
    required=("destinations",),
)


@given(ANSWERS)
def test_any_answer_survives_a_round_trip_in_json(body: dict[str, Any]) -> None:
    answer = OmniResponse.from_wire(body)

    assert answer.wire() == body
    assert OmniResponse.from_wire(from_json(answer.to_json())) == answer


@given(ADVANCED)
def test_any_request_survives_a_round_trip_in_json(body: dict[str, Any]) -> None:
    assert AdvancedRequest.from_wire(from_json(AdvancedRequest.from_wire(body).to_json())).wire() == body


@given(
    text=XML_TEXT,
    bulk_id=XML_TEXT,
    ids=st.lists(XML_TEXT, max_size=3),
    unknown=st.dictionaries(NAMES, XML_TEXT, max_size=2),
)
def test_any_text_request_survives_a_round_trip_in_xml(
    text: str, bulk_id: str, ids: list[str], unknown: dict[str, str]
) -> None:
    destinations = [{"messageId": identifier, "to": {"phoneNumber": "41793026727"}} for identifier in ids]
    request = TextRequest.from_wire(
        {f"x_{name}": value for name, value in unknown.items()}
        | {"destinations": destinations, "bulkId": bulk_id, "text": text}
    )

    assert from_xml(TextRequest, to_xml(request)) == request


@given(st.dictionaries(NAMES, XML_TEXT, max_size=3))
def test_xml_that_was_read_is_written_back_the_same(fields: dict[str, str]) -> None:
    document = write_document("omniResponse", {"messages": [{"status": {f"x_{k}": v for k, v in fields.items()}}]})

    assert to_xml(from_xml(OmniResponse, document)) == document


@given(st.dictionaries(TEXT | NAMES, JSON, max_size=4))
def test_any_value_is_written_as_well_formed_xml_or_refused(value: dict[str, Any]) -> None:
    try:
        document = write_document("request", value)
    except InvalidRequest:
        return
    assert read_document(document)[0] == "request"


@given(st.binary() | st.text(alphabet="<>/&;a!?-[]\"' ").map(str.encode))
def test_any_bytes_are_a_document_or_malformed(content: bytes) -> None:
    with contextlib.suppress(MalformedXml):
        read_document(content)


@given(st.sampled_from(["json", "xml", "html"]), st.binary() | JSON.map(to_json))
@pytest.mark.parametrize("model", [OmniResponse, ReportsResponse, Scenario])
def test_any_success_is_a_model_or_a_malformed_answer(model: type[WireModel], kind: str, content: bytes) -> None:
    with contextlib.suppress(MalformedAnswer):
        answer = RawAnswer(200, {"Content-Type": f"application/{kind}"}, content)
        assert isinstance(read_model(model, answer, asked="json"), model)


@given(st.integers(100, 599), JSON, st.text())
def test_any_failure_is_a_typed_error(status: int, body: Any, retry_after: str) -> None:
    error = read_error(RawAnswer(status, {"Retry-After": retry_after}, to_json(body)), asked="json", now=NOW)

    assert isinstance(error, AnswerError)
    assert error.status == status
    assert error.retry_after is None or error.retry_after >= 0


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]?[A-Z0-9]{1,5}"))
def test_any_retry_after_header_gives_seconds_or_none(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)

    assert seconds is None or seconds >= 0


@given(STATUSES)
def test_every_status_has_a_policy(body: dict[str, Any]) -> None:
    assert classify(Status.from_wire(body)) in Policy
