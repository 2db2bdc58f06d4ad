"""The package offers its public names itself, and imports what they need only when they are used."""

import subprocess
import sys
from textwrap import dedent

import pytest

import omni
from omni.client import OmniClient
from omni.models import TextRequest
from tests.unit.omni.scripted_server import Server


def loaded_by(code: str) -> set[str]:
    """Returns which costly modules a fresh process loads by this code."""
    costly = {"pydantic", "requests", "urllib3", "pyexpat", "http.client"}
    command = [sys.executable, "-c", f"import sys; {code}; print(*({costly!r} & set(sys.modules)))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="src")
    return set(done.stdout.split())


def test_the_names_of_the_package_are_those_of_its_modules() -> None:
    assert (omni.OmniClient, omni.TextRequest) == (OmniClient, TextRequest)


@pytest.mark.parametrize("name", omni.__all__)
def test_every_public_name_can_be_found(name: str) -> None:
    assert getattr(omni, name)
    assert name in dir(omni)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="read_model"):
        omni.read_model  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import omni", set()),
        ("from omni import OmniError, app_authorization", set()),
        ("from omni import TextRequest, classify", {"pydantic"}),
    ],
)
def test_only_what_is_used_is_imported(code: str, loaded: set[str]) -> None:
    assert loaded_by(code) == loaded


def test_the_example_of_the_docstring_runs(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer()
    lines = [line for line in (omni.__doc__ or "").splitlines() if line.startswith("    ") or not line]
    example = dedent("\n".join(lines)).replace("https://api.infobip.com", server.url)

    exec(example, {})  # noqa: S102  # our own docstring

    assert capsys.readouterr().out == "efcd006b-af37-40e1-9984-09735bf45f17 PENDING_ENROUTE\n"
    assert server.received[0].headers["authorization"] == "App my-api-key"
