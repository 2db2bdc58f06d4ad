"""The built function behind SAM's own gateway (`sam local start-api`) relays a signed HTTP request once."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from sandbox import event_files
from sandbox.renewal import Sources
from sandbox.sam_local import SAM, SamLocal
from sandbox.stack.settings import PROJECT
from tests.support.ports import unused_port

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def api(sam: SamLocal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Starts `sam local start-api`, and gives its port."""
    port, log = unused_port(), tmp_path_factory.mktemp("start-api") / "log"
    command = [str(SAM), "local", "start-api", "--port", str(port), *sam.options()]
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output, start_new_session=True) as process,
    ):
        try:
            wait_until_it_answers(port, process, log)
            yield port
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]", patience: float = 30) -> None:
    """Ends the process and its whole group, by SIGKILL if it doesn't end in time."""
    # SAM removes its containers on SIGTERM. A shell's background processes ignore SIGINT.
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)
        except requests.ConnectionError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"SAM doesn't answer:\n{log.read_text()}")


def test_a_signed_request_is_relayed_once_however_often_it_comes(api: int, sam: SamLocal, senders: Sources) -> None:
    event = event_files.fresh("github-release", senders)
    requests.delete(f"{sam.stack.sandbox_url}/sandbox/messages", timeout=5)

    first, second = event_files.post(event, api), event_files.post(event, api)

    answers = [json.loads(answer.body) for answer in (first, second)]
    assert (first.status, second.status) == (200, 200), answers
    assert answers[1] == answers[0] | {"duplicate": True}
    sent = requests.get(f"{sam.stack.sandbox_url}/sandbox/messages", timeout=5).json()["messages"]
    assert [message["messageId"] for message in sent] == [answers[0]["messages"][0]["messageId"]]


def test_an_unknown_source_is_not_found(api: int) -> None:
    answer = requests.post(f"http://127.0.0.1:{api}/webhooks/nobody", json={}, timeout=30)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
