"""relay.yaml becomes parameters that SSM takes and functions read back; all mistakes are named at once."""

import json
from datetime import date
from pathlib import Path

import pytest
import yaml

from configuration.mistakes import Mistakes
from configuration.parameters import VALUE_BYTES, parameters_of
from relay.configure.sources import parse_secrets, parse_source

ROOT = Path(__file__).parents[3]
EXAMPLE = yaml.safe_load((ROOT / "relay.yaml").read_text())
ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "{{ body.a }}{{ body.b }}"}


def values_of(config, secrets=None, **account):
    parameters = parameters_of(config, secrets or {}, "/omni-relay/test", **account)
    return {p.name.removeprefix("/omni-relay/test/"): p for p in parameters}


def test_no_value_looks_like_a_reference_to_ssm_and_each_reads_back_unchanged():
    values = values_of(
        {"scenarios": {"incident": "K"}, "sources": {"ci": {"verify": "bearer", "routes": {"a": ROUTE}}}}
    )
    written = values["sources/ci/routes/a"].value
    assert "{{" not in written
    assert json.loads(written) == ROUTE


def test_the_example_fits_into_ssm_and_every_source_compiles_from_what_is_written():
    values = values_of(EXAMPLE)
    assert all("{{" not in p.value and len(p.value.encode()) <= VALUE_BYTES for p in values.values())
    for name in values["source-names/1"].value.split(","):
        prefix = f"sources/{name}/"
        routes = {
            key.removeprefix(f"{prefix}routes/"): json.loads(p.value)
            for key, p in values.items()
            if key.startswith(f"{prefix}routes/")
        }
        assert not parse_source(name, json.loads(values[f"{prefix}settings"].value), routes, ()).mistakes


def test_secrets_and_the_account_are_secure_strings():
    config = {"sources": {"ci": {"verify": "bearer"}}}
    values = values_of(config, {"sources": {"ci": ["new", "old"]}}, omni_authorization="App key")
    assert {name for name, p in values.items() if p.type == "SecureString"} == {
        "sources/ci/secrets",
        "omni/authorization",
    }
    assert json.loads(values["sources/ci/secrets"].value) == ["new", "old"]


@pytest.mark.parametrize("secret", ["{{ssm:other}}", "a{{{b", "[1]", '["a", "b"]', "[not json", "plain"])
def test_a_secret_of_any_form_is_taken_by_ssm_and_read_by_functions(secret):
    written = values_of({"sources": {"ci": {"verify": "bearer"}}}, {"sources": {"ci": secret}})["sources/ci/secrets"]
    assert "{{" not in written.value
    assert parse_secrets(written.value) == (secret,)


def test_many_sources_fill_further_pages_of_the_index():
    values = values_of({"sources": {f"source-{n:04}": {"verify": "bearer"} for n in range(1000)}})
    pages = [values[f"source-names/{n}"].value for n in (1, 2, 3)]
    assert all(len(page) <= VALUE_BYTES for page in pages)
    assert sum(len(page.split(",")) for page in pages) == 1000


@pytest.mark.parametrize(
    ("config", "secrets", "words"),
    [
        ([], {}, "expected a mapping"),
        ({"routes": {}}, {}, "unknown field routes"),
        ({"sources": ["ci"]}, {}, "expected mappings"),
        ({"scenarios": {"incident": 7}}, {}, "scenario incident"),
        ({"sources": {"CI": {"verify": "bearer"}}}, {}, "source CI"),
        ({"sources": {"ci": "bearer"}}, {}, "source ci"),
        ({"sources": {"ci": {"verify": "nobody"}}}, {}, "source ci, verify"),
        ({"sources": {"ci": {"verify": "bearer", "routes": {"a": ROUTE}}}}, {}, "no scenario incident"),
        ({"sources": {}}, {}, "no sources"),
        ({"sources": {"cd": {"verify": "bearer"}}}, {"sources": {"ci": "x"}}, "no source ci"),
        ({"sources": {"ci": {"verify": "bearer"}}}, {"sources": {"ci": 12345}}, "secrets, source ci: expected a text"),
        ({"sources": {"ci": {"verify": "bearer"}}}, {"sources": {"ci": ""}}, "secrets, source ci: expected a text"),
        ({"sources": {"ci": {"verify": "bearer"}}}, {"sources": {"ci": []}}, "secrets, source ci: expected a text"),
        ({"sources": {"ci": {"verify": "bearer"}}}, {"sources": {"ci": "x\n"}}, "source ci: expected no white space"),
        ({"sources": {"ci": {"verify": "bearer"}}}, {"sources": {"ci": ["x", " y"]}}, "expected no white space"),
        ({"sources": {"ci": {"verify": "bearer"}}}, {"ci": "x"}, "secrets: expected sources"),
        (
            {
                "scenarios": {"incident": "K"},
                "sources": {"ci": {"verify": "bearer", "routes": {"a": ROUTE | {"to": 7}}}},
            },
            {},
            "source ci, route a, to",
        ),
        ({"scenarios": {"incident": "K" * 5000}, "sources": {"ci": {"verify": "bearer"}}}, {}, "SSM holds 4096"),
        ({"scenarios": {"incident": "{{KEY}}"}, "sources": {"ci": {"verify": "bearer"}}}, {}, "incident: expected a"),
    ],
)
def test_a_mistake_names_its_place_and_what_was_expected(config, secrets, words):
    with pytest.raises(Mistakes) as mistakes:
        values_of(config, secrets)
    assert words in str(mistakes.value)


BEARER = {"verify": "bearer"}


@pytest.mark.parametrize(
    ("config", "secrets", "line"),
    [
        ({"sources": {404: BEARER}}, {}, "sources.404: YAML reads this name as int"),
        ({"sources": {date(2026, 1, 2): BEARER, "ci": BEARER}}, {}, "sources.2026-01-02: YAML reads this name as date"),
        ({"scenarios": {7: "K"}, "sources": {"ci": BEARER}}, {}, "scenarios.7: YAML reads this name as int"),
        (
            {"scenarios": {"incident": "K"}, "sources": {"ci": BEARER | {"routes": {True: ROUTE}}}},
            {},
            "sources.ci.routes.True: YAML reads this name as bool",
        ),
        (
            {"sources": {"ci": BEARER | {"schema": {"allOf": [{"properties": {404: {}}}]}}}},
            {},
            "sources.ci.schema.allOf[0].properties.404: YAML reads this name as int",
        ),
        ({"sources": {"ci": BEARER}}, {"sources": {None: "x"}}, "secrets.sources.None: YAML reads this name as None"),
    ],
)
def test_a_name_that_yaml_does_not_read_as_text_needs_quotes(config, secrets, line):
    with pytest.raises(Mistakes) as mistakes:
        values_of(config, secrets)
    [said] = mistakes.value.lines
    assert said.startswith(line)
    assert said.endswith("put it in quotes")


def test_a_name_with_a_line_break_is_refused_and_its_mistake_stays_one_line():
    routes = {"a\n": ROUTE, "b": ROUTE}
    config = {"scenarios": {"incident": "K", "c\n": "K"}, "sources": {"ci": BEARER | {"routes": routes}, "d\n": BEARER}}
    with pytest.raises(Mistakes) as mistakes:
        values_of(config, {"sources": {"ci\n": "x"}})
    assert [line.split(": ")[0] for line in str(mistakes.value).splitlines()] == [
        r"scenario 'c\n'",
        r"source ci, route 'a\n'",
        r"source 'd\n'",
        "secrets",
    ]


@pytest.mark.parametrize(
    "account",
    [
        {"omni_base_url": "ftp://api.infobip.com"},
        {"omni_base_url": "api.infobip.com"},
        {"omni_base_url": "https://a-key-without-its-scheme@api.infobip.com"},
        {"omni_base_url": "https://api.infobip.com/{{ssm:a-key-without-its-scheme}}"},
        {"omni_authorization": "a-key-without-its-scheme"},
        {"omni_authorization": "App {{a-key-without-its-scheme}}"},
    ],
)
def test_a_wrong_url_or_authorization_is_refused_and_not_repeated(account):
    with pytest.raises(Mistakes) as mistakes:
        values_of({"sources": {"ci": {"verify": "bearer"}}}, **account)
    assert "a-key-without-its-scheme" not in str(mistakes.value)


@pytest.mark.parametrize(
    "url", ["http://api.infobip.com", "HTTP://127.0.0.1.infobip.com", "http://0.0.0.0", "http://localhost.infobip.com"]
)
def test_a_base_url_to_which_the_key_would_travel_in_clear_is_refused(url):
    with pytest.raises(Mistakes, match="OMNI: the base URL must be https"):
        values_of({"sources": {"ci": BEARER}}, omni_base_url=url)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (" https://abc.api.infobip.com/\n", "https://abc.api.infobip.com"),
        ("http://127.0.0.1:8025", "http://127.0.0.1:8025"),
        ("http://[::1]:8025", "http://[::1]:8025"),
        ("http://localhost:8025/", "http://localhost:8025"),
    ],
)
def test_a_base_url_is_written_as_the_client_takes_it_and_http_stays_on_this_machine(given, written):
    assert values_of({"sources": {"ci": BEARER}}, omni_base_url=given)["omni/base-url"].value == written


def test_the_authorization_is_written_without_the_line_break_of_the_file_that_it_came_from():
    values = values_of({"sources": {"ci": BEARER}}, omni_authorization="App key\n")
    assert values["omni/authorization"].value == "App key"
