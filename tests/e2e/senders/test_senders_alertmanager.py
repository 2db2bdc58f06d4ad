"""A real Alertmanager fires and resolves an alert. Each of the two messages is sent once, even if it is repeated.

The test is skipped if Debian's `prometheus-alertmanager` is not installed, unless REQUIRE_ALERTMANAGER=1.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from sandbox.stack.settings import PROJECT, Ports, StackSettings
from sandbox.stack.stack import Stack
from tests.support.ports import unused_port

pytestmark = pytest.mark.e2e

PROGRAM = "prometheus-alertmanager"
TOKEN = "local-alertmanager-token"
LABELS = {"alertname": "DiskFull", "instance": "db-1", "oncall": "+41 79 302 67 27"}
SUMMARY = "95 % of /var is used"


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    config = yaml.safe_load((PROJECT / "relay.yaml").read_text())
    config["sources"] = {"alertmanager": config["sources"]["alertmanager"]}
    secrets = {"sources": {"alertmanager": TOKEN}}
    with Stack(StackSettings(config=config, secrets=secrets, ports=Ports.free(), logs=tmp_path / "logs")) as running:
        yield running


class Alertmanager:
    def __init__(self, url: str) -> None:
        self.url = url

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=2).ok
        except requests.ConnectionError:
            return False

    def alert(self, **times: str) -> None:
        alert = {"labels": LABELS, "annotations": {"summary": SUMMARY}, **times}
        requests.post(f"{self.url}/api/v2/alerts", json=[alert], timeout=5).raise_for_status()


def configuration(stack: Stack) -> dict[str, Any]:
    """Makes the relay the webhook receiver, and repeats every alert each second."""
    receiver = {
        "url": f"{stack.relay_url}/webhooks/alertmanager",
        "send_resolved": True,
        "http_config": {"authorization": {"credentials": TOKEN}},
    }
    waits = {"group_wait": "1s", "group_interval": "1s", "repeat_interval": "1s"}
    return {
        "route": {"receiver": "relay", "group_by": ["alertname"], **waits},
        "receivers": [{"name": "relay", "webhook_configs": [receiver]}],
    }


@pytest.fixture
def alertmanager(stack: Stack, tmp_path: Path) -> Iterator[Alertmanager]:
    if shutil.which(PROGRAM) is None:
        assert os.environ.get("REQUIRE_ALERTMANAGER") != "1", f"{PROGRAM} is not installed"
        pytest.skip(f"{PROGRAM} is not installed")
    file = tmp_path / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(configuration(stack)))
    address = f"127.0.0.1:{unused_port()}"
    command = [PROGRAM, f"--config.file={file}", f"--storage.path={tmp_path / 'storage'}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with (tmp_path / "alertmanager.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        made = Alertmanager(f"http://{address}")
        try:
            eventually(made.is_ready)
            yield made
        finally:
            process.terminate()


def texts(stack: Stack) -> list[str]:
    messages = requests.get(f"{stack.sandbox_url}/sandbox/messages", timeout=5).json()["messages"]
    return [message["text"] for message in messages]


def answers(stack: Stack) -> int:
    """Counts Alertmanager's posts that were answered 200."""
    return sum("Answered200" in record for record in stack.log_records("WebhookFunction"))


def test_an_alert_that_fires_and_resolves_is_two_messages_however_often_it_is_repeated(
    stack: Stack, alertmanager: Alertmanager
) -> None:
    alertmanager.alert()
    eventually(lambda: answers(stack) >= 3)
    assert texts(stack) == [f"DiskFull: {SUMMARY}"]

    alertmanager.alert(endsAt=datetime.now(UTC).isoformat())
    eventually(lambda: "DiskFull is resolved" in texts(stack) and answers(stack) >= 4)
    assert texts(stack) == [f"DiskFull: {SUMMARY}", "DiskFull is resolved"]
