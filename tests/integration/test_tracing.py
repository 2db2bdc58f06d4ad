"""X-Ray over its real socket: handler and OMNI are segments, answers are not in them; off, nothing is imported."""

import os
import socket
import subprocess
import sys
from types import MappingProxyType

import pytest

PROGRAM = """
import sys
from types import SimpleNamespace
from handlers.tracing import span, traced

@traced
def handler(event, context):
    try:
        with span("omni"):
            raise ValueError("exception-canary")
    except ValueError:
        return {"answer": "answer-canary"}

handler({"body": "body-canary"}, SimpleNamespace(function_name="f"))
print("aws_xray_sdk" in sys.modules)
"""
LAMBDA = MappingProxyType(
    {
        "LAMBDA_TASK_ROOT": "/var/task",
        "POWERTOOLS_SERVICE_NAME": "relay",
        "_X_AMZN_TRACE_ID": "Root=1-6b043e38-194f9bdf9c5f436aa6ae6c0b;Parent=a6ae6c0b29af3879;Sampled=1",
    }
)


def run(tmp_path, **variables):
    source = tmp_path / "program.py"
    source.write_text(PROGRAM)
    environment = {"PYTHONPATH": os.environ.get("PYTHONPATH", "src"), "PATH": os.environ["PATH"], **LAMBDA, **variables}
    done = subprocess.run([sys.executable, source], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def daemon():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        yield listener


def test_with_tracing_on_the_daemon_hears_of_handler_and_omni_but_of_no_content(tmp_path, daemon):
    address = f"127.0.0.1:{daemon.getsockname()[1]}"
    assert run(tmp_path, POWERTOOLS_TRACE_DISABLED="false", AWS_XRAY_DAEMON_ADDRESS=address) == "True"
    heard = ""
    while '"## handler"' not in heard:
        heard += daemon.recv(65_535).decode()
    assert '"name": "omni"' in heard
    assert '"fault": true' in heard
    assert "canary" not in heard


def test_with_tracing_off_its_library_is_not_imported(tmp_path):
    assert run(tmp_path, POWERTOOLS_TRACE_DISABLED="true") == "False"
