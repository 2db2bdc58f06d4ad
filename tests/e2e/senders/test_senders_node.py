"""The libraries of Linear and Paddle take the tests' signatures, and nothing that was altered."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox import event_files
from sandbox.renewal import renewed
from tests.support.senders import every_source

pytestmark = pytest.mark.e2e

NODE = Path(__file__).parents[2] / "node"
KNOWN = every_source()
SIGNED = {"linear": ("linear-issue", "linear-signature"), "paddle": ("paddle-past-due", "paddle-signature")}


@pytest.fixture(scope="module", autouse=True)
def libraries() -> None:
    install = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(install, cwd=NODE, check=True, capture_output=True, timeout=300)


def taken(requests: dict[str, Any]) -> list[str]:
    command = ["node", "verify.mjs"]
    done = subprocess.run(
        command, cwd=NODE, input=json.dumps(requests), check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.split()


def test_the_senders_own_libraries_take_what_the_sandbox_signs() -> None:
    requests = {}
    for sender, (name, header) in SIGNED.items():
        event = renewed(event_files.load(name), KNOWN, datetime.now(UTC))
        secret = KNOWN.secrets["sources"][sender]
        requests[sender] = {"body": event["body"], "signature": event["headers"][header], "secret": secret}
    assert taken(requests) == ["linear", "paddle"]
    assert taken({sender: one | {"body": one["body"] + " "} for sender, one in requests.items()}) == []
    assert taken({sender: one | {"secret": "another"} for sender, one in requests.items()}) == []
