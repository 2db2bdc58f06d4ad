"""Formats, XML, credentials, random faults and settings, tested without a server."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.datastructures import Headers

from sandbox.omni_api.errors import ApiError
from sandbox.omni_api.faults import Fault, Faults, RandomFault, order_model
from sandbox.omni_api.settings import DEFAULT_CREDENTIALS, SettingsError, settings_from
from sandbox.omni_api.wire import Format, authorize, canonical_credential, parse_json, wanted_format
from sandbox.omni_api.xml import BadXml, parse_xml, render_xml

KNOWN = frozenset(canonical_credential(value) for value in DEFAULT_CREDENTIALS)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, Format.JSON),
        ({"content-type": "application/xml"}, Format.XML),
        ({"content-type": "text/xml; charset=utf-8"}, Format.XML),
        ({"content-type": "application/xml", "accept": "*/*"}, Format.XML),
        ({"content-type": "application/xml", "accept": "application/json"}, Format.JSON),
        ({"content-type": "application/json", "accept": "application/xml"}, Format.XML),
        ({"accept": "application/xml;q=0.5, application/json;q=0.6"}, Format.JSON),
        ({"accept": "text/html, application/xml;q=0.1, */*;q=0.05"}, Format.XML),
        ({"accept": "application/xml;q=0, application/json;q=0"}, Format.JSON),
        ({"content-type": "application/xml", "accept": "image/png"}, Format.XML),
        ({"accept": "application/xml;q=nonsense"}, Format.JSON),
    ],
)
def test_the_answer_has_the_format_that_was_asked_for_else_the_request_s_own(headers: Any, wanted: Format) -> None:
    assert wanted_format(Headers(headers)) is wanted


@pytest.mark.parametrize(
    "value",
    [
        "App sandbox-api-key",
        "app sandbox-api-key",
        "APP  sandbox-api-key ",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
    ],
)
def test_known_credentials_pass_however_their_scheme_is_written(value: str) -> None:
    authorize(Headers({"authorization": value}), KNOWN)


@pytest.mark.parametrize(
    "value", [None, "", "App", "App wrong", "Bearer sandbox-api-key", "Basic qWxhZGRpbjpvcGVuIHNlc2FtZQ==", "App \xff"]
)
def test_anything_else_is_unauthorized(value: str | None) -> None:
    with pytest.raises(ApiError) as refused:
        authorize(Headers({} if value is None else {"authorization": value}), KNOWN)

    assert refused.value.status == 401


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>&unknown;</a>",
        b'<!DOCTYPE a [<!ENTITY x "boom">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
        b'<?xml version="1.0" encoding="no-such-encoding"?><a/>',
        b'<?xml version="1.0" encoding="utf-8"?><a>\xff</a>',
        b"<a>" * 50 + b"</a>" * 50,
        b"<a>" * 100_000 + b"</a>" * 100_000,
    ],
)
def test_xml_that_is_broken_deep_or_declares_anything_is_refused(document: bytes) -> None:
    with pytest.raises(BadXml):
        parse_xml(document)


def test_xml_is_read_into_the_shape_that_json_has() -> None:
    document = b"""<n:request xmlns:n="urn:x"><!-- why --><destinations><destination><to>
    <phoneNumber>1</phoneNumber></to></destination><destination/></destinations>
    <text> a &amp; b </text><bulkId/></n:request>"""

    assert parse_xml(document) == {"destinations": [{"to": {"phoneNumber": "1"}}, {}], "text": " a & b "}


def test_written_xml_survives_markup_and_characters_that_xml_cannot_hold() -> None:
    document = render_xml("omniResponse", {"text": "<b>&\x00\uffff\r", "yes": True, "none": None})

    assert (
        document.decode() == "<omniResponse><text>&lt;b&gt;&amp;\ufffd\ufffd&#13;</text><yes>true</yes></omniResponse>"
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b'"\\ud800"', b"[" * 200_000, b"1" * 10_000, b'{"a":1}x'],
)
def test_json_that_is_not_quite_json_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        parse_json(body)

    assert refused.value.status == 400


def drawn(order: Any, turns: int = 1000) -> list[str | None]:
    faults = Faults()
    faults.add(order_model(order).model_validate(order))
    drawn_faults = (faults.draw() for _ in range(turns))
    return [None if fault is None else fault.kind for fault in drawn_faults]


def test_random_faults_hit_their_share_and_are_repeated_by_their_seed() -> None:
    order = {"kind": "random", "rate": 0.33, "seed": 7, "kinds": ["reset", {"kind": "status", "status": 500}]}
    kinds = drawn(order)

    assert kinds == drawn(order)
    assert kinds != drawn({**order, "seed": 8})
    assert 250 < sum(kind is not None for kind in kinds) < 410
    assert {kind for kind in kinds if kind} == {"reset", "status"}


def test_random_faults_come_in_every_kind_unless_some_are_named() -> None:
    kinds = set(drawn({"kind": "random", "rate": 1}))

    assert kinds == {"status", "timeout", "reset", "garbage", "delay", "drip"}


def test_counted_faults_come_first_and_in_their_order() -> None:
    faults = Faults()
    faults.add(RandomFault(kind="random", rate=1, kinds=(Fault(kind="drip"),)))
    faults.add(Fault(kind="reset", count=2))
    faults.add(Fault(kind="garbage"))

    assert [getattr(faults.draw(), "kind", None) for _ in range(4)] == ["reset", "reset", "garbage", "drip"]
    faults.clear()
    assert faults.draw() is None


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"kind": "explode"},
        {"kind": "status", "status": 99},
        {"kind": "status", "headers": {"X": "a\r\nSet-Cookie: b"}},
        {"kind": "status", "headers": {"bad name": "x"}},
        {"kind": "reset", "count": 0},
        {"kind": "reset", "after": "lunch"},
        {"kind": "reset", "tpyo": 1},
        {"kind": "random", "rate": 1.5},
        {"kind": "random", "kinds": []},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(order: Any) -> None:
    with pytest.raises(ValidationError):
        order_model(order).model_validate(order)


def test_the_scenarios_of_a_configuration_are_read(tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text("scenarios:\n  incident: ABC\n  quiet: {key: DEF, flow: [email]}\nsources: {}\n")

    settings = settings_from(config, time_scale=5.0)

    assert settings.scenario_keys == {"incident": "ABC", "quiet": "DEF"}
    assert settings.scenario_flows == {"quiet": ("EMAIL",)}
    assert settings.time_scale == 5.0


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("scenarios: [a]", "scenarios"),
        ("scenarios: {incident: 5}", "scenarios.incident"),
        ("scenarios: {incident: {flow: [SMS]}}", "scenarios.incident"),
        ("scenarios: {incident: {key: A, flow: [PIGEON]}}", "scenarios.incident.flow"),
        ("scenarios: {a", "relay.yaml"),
    ],
)
def test_a_configuration_that_cannot_be_understood_says_where(tmp_path: Path, content: str, named: str) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(content)

    with pytest.raises(SettingsError, match=named):
        settings_from(config)
