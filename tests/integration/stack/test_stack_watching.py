"""`make run` takes an edited relay.yaml over within two seconds, or shows its mistakes and serves the last one."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from sandbox import event_files
from sandbox.renewal import Sources
from sandbox.stack.settings import StackSettings
from sandbox.stack.stack import Stack
from sandbox.watching import watching

ROUTE = {"when": "body.result == 'failed'", "scenario": "incident", "to": [{"phone": "+41793026727"}]}
SECRETS = {"sources": {"ci": "a-token"}}


def config(text: str, key: str = "AD9E01A5DC7BEE2C2B828D208182A611") -> dict[str, Any]:
    route = ROUTE | {"text": text}
    return {"scenarios": {"incident": key}, "sources": {"ci": {"verify": "bearer", "routes": {"failed": route}}}}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def watched(
    stack_settings: Callable[..., StackSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> Iterator[Stack]:
    (tmp_path / "relay.yaml").write_text(yaml.safe_dump(config("one")))
    (tmp_path / "secrets.yaml").write_text(yaml.safe_dump(SECRETS))
    monkeypatch.setenv("CONFIG", str(tmp_path / "relay.yaml"))
    monkeypatch.setenv("SECRETS", str(tmp_path / "secrets.yaml"))
    settings = stack_settings(
        config=config("one"), secrets=SECRETS, processes=1, template_parameters={"ConfigTtlSeconds": "1"}
    )
    with Stack(settings) as stack, watching(stack, said.append):
        yield stack


def texts(stack: Stack) -> list[str]:
    listed = requests.get(f"{stack.sandbox_url}/sandbox/messages", timeout=5).json()
    return [message["text"] for message in listed["messages"]]


def post(stack: Stack) -> event_files.Answer:
    event = event_files.fresh("ci-build-failed", Sources(stack.settings.config, stack.settings.secrets))
    return event_files.post(event, int(stack.relay_url.rpartition(":")[2]))


def test_an_edit_is_live_within_two_seconds_and_the_inbox_stays(
    watched: Stack, tmp_path: Path, said: list[str], eventually: Callable[..., Any]
) -> None:
    assert post(watched).status == 200
    (tmp_path / "relay.yaml").write_text(yaml.safe_dump(config("two", key="ANOTHER-KEY")))
    time.sleep(2)  # what is promised
    assert post(watched).status == 200
    assert texts(watched) == ["one", "two"]
    assert said == ["relay.yaml and secrets.yaml: the edit is live"]


def test_a_mistake_is_shown_with_its_place_and_the_last_good_file_serves(
    watched: Stack, tmp_path: Path, said: list[str], eventually: Callable[..., Any]
) -> None:
    file = tmp_path / "relay.yaml"
    file.write_text(file.read_text().replace("scenario: incident", "scenario: incidnet"))
    eventually(lambda: said)
    assert "the last good configuration serves on" in said[0]
    assert f"{file}:" in said[0]
    assert "Did you mean incident?" in said[0]
    file.write_text("sources:\n\tci: {}\n")
    eventually(lambda: len(said) > 1)
    assert "indent by spaces" in said[1]
    assert json.loads(post(watched).body)["outcome"] == "sent"
    assert texts(watched) == ["one"]
    file.write_text(yaml.safe_dump(config("three")))
    eventually(lambda: said[-1].endswith("the edit is live"))
