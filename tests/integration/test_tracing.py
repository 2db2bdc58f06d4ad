"""The tracer sends segments without content to X-Ray's socket. If tracing is off, its library isn't imported."""

import os
import subprocess
import sys
from types import MappingProxyType

PROGRAM = """
import sys
from contextlib import suppress
from types import SimpleNamespace

import boto3
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from handlers.tracing import span, traced

sqs = boto3.client("sqs", region_name="eu-central-1", aws_access_key_id="local", aws_secret_access_key="local")

@traced
def handler(event, context):
    with suppress(ClientError), Stubber(sqs) as aws:
        aws.add_client_error("list_queues", "Refused", "refusal-canary", http_status_code=400)
        sqs.list_queues()
    with span("omni"):
        if event["fails"] == "at OMNI":
            raise ValueError("span-canary")
    if event["fails"] == "by itself":
        raise RuntimeError("handler-canary")
    return {"answer": "answer-canary"}

for fails in ("not", "at OMNI", "by itself"):
    with suppress(ValueError, RuntimeError):
        handler({"body": "body-canary", "fails": fails}, SimpleNamespace(function_name="f"))
print("aws_xray_sdk" in sys.modules)
"""
SEGMENTS = 9  # three invocations have three segments each: omni, sqs and the handler itself
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


def test_with_tracing_on_segments_name_the_failure_and_its_place_but_no_content(tmp_path, xray_daemon, eventually):
    assert run(tmp_path, POWERTOOLS_TRACE_DISABLED="false", AWS_XRAY_DAEMON_ADDRESS=xray_daemon.address) == "True"
    eventually(lambda: len(xray_daemon.datagrams) == SEGMENTS)
    assert "canary" not in "".join(xray_daemon.datagrams)
    failed = [(segment["name"], error_of(segment)) for segment in xray_daemon.segments if segment.get("fault")]
    assert failed == [
        ("sqs", "ClientError"),
        ("sqs", "ClientError"),
        ("omni", "ValueError"),
        ("## handler", "told by omni"),
        ("sqs", "ClientError"),
        ("## handler", "RuntimeError"),
    ]


def error_of(segment):
    cause = segment["cause"]
    return "told by omni" if isinstance(cause, str) else cause["exceptions"][0]["type"]


def test_with_tracing_off_its_library_is_not_imported(tmp_path):
    assert run(tmp_path, POWERTOOLS_TRACE_DISABLED="true") == "False"
