"""relay.yaml as parameters: whole, small enough, in a form that SSM takes, and with every mistake named at once."""

import json
from pathlib import Path

import pytest
import yaml

from cli.parameters import VALUE_BYTES, Mistakes, parameters_of
from relay.sources import parse_source

ROOT = Path(__file__).parents[2]
EXAMPLE = yaml.safe_load((ROOT / "relay.yaml").read_text())
ROUTE = {"scenario": "incident", "to": [{"phone": "+41793026727"}], "text": "{{ body.a }}{{ body.b }}"}


def values_of(config, secrets=None, **account):
    parameters = parameters_of(config, secrets or {}, "/omni-relay/test", **account)
    return {p.name.removeprefix("/omni-relay/test/"): p for p in parameters}


def test_no_value_holds_what_ssm_takes_for_a_reference_and_each_reads_back_as_it_was():
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
        ({"sources": {}}, {"sources": {"ci": "x"}}, "no source ci"),
        (
            {
                "scenarios": {"incident": "K"},
                "sources": {"ci": {"verify": "bearer", "routes": {"a": ROUTE | {"to": 7}}}},
            },
            {},
            "source ci, route a, to",
        ),
        (
            {"scenarios": {"incident": "K" * 5000}},
            {},
            "SSM holds 4096",
        ),
    ],
)
def test_a_mistake_says_where_and_what(config, secrets, words):
    with pytest.raises(Mistakes) as mistakes:
        values_of(config, secrets)
    assert words in str(mistakes.value)
