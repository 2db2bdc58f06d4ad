"""The pages of docs/senders: their YAML can be pasted, and the events that they name exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.configure.sources import parse_source
from relay.verification import PRESETS, parse
from sandbox import event_files, sender_pages
from tests.support.senders import every_source

PROJECT = Path(__file__).parents[3]
EXAMPLE = every_source().config["sources"]
PAGES = sorted(path for path in (PROJECT / "docs" / "senders").glob("*.md") if path.stem != "README")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def documented(page: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        found |= yaml.safe_load(block)
    return found


def preset_of(page: Path) -> str:
    ((_, settings),) = documented(page).items()
    return parse(settings["verify"]).name


def test_every_preset_has_a_page() -> None:
    assert {preset_of(page) for page in PAGES} == set(PRESETS)


def test_every_source_has_a_page() -> None:
    assert {name for page in PAGES for name in documented(page)} == set(EXAMPLE)


def test_the_pages_say_what_the_table_of_presets_says() -> None:
    written = {path.name: path.read_text() for path in (PROJECT / "docs" / "senders").glob("*.md")}
    assert sender_pages.pages() == written, "run: python -m sandbox.sender_pages"


@each_page
def test_what_a_page_says_can_be_pasted(page: Path) -> None:
    ((name, settings),) = documented(page).items()
    routes = settings.pop("routes", {})
    source = parse_source(name, settings, routes, ())
    assert not source.mistakes
    assert source.verification.name == preset_of(page)


@each_page
def test_a_page_and_the_example_configuration_agree(page: Path) -> None:
    ((name, settings),) = documented(page).items()
    example = {key: value for key, value in EXAMPLE[name].items() if key != "delivery"}
    assert example == {key: value for key, value in settings.items() if key != "delivery"}


@each_page
def test_the_events_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"make event EVENT=([a-z-]+)", page.read_text())
    assert named
    for name in named:
        source = event_files.load(name)["pathParameters"]["source"]
        assert parse(EXAMPLE[source]["verify"]).name == preset_of(page)
