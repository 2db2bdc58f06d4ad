"""Functions that do what the event tells them, even crash."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def _hold_a_child(_: Any) -> Any:
    """Starts a process that would outlive this one."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    return {"child": child.pid}


def _sleep(seconds: float) -> Any:
    started = time.time()
    time.sleep(seconds)
    return {"pid": os.getpid(), "from": started, "to": time.time()}


def _log(lines: list[str]) -> Any:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return {}


def _list_queues(_: Any) -> Any:
    import boto3
    from botocore.config import Config

    patience = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1)
    return boto3.client("sqs", config=patience).list_queues()["QueueUrls"] and {}


_DEEDS: dict[str, Callable[[Any], Any]] = {
    "die": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "exit": sys.exit,
    "raise": int,
    "sleep": _sleep,
    "pid": lambda _: {"pid": os.getpid()},
    "environment": lambda _: dict(os.environ),
    "log": _log,
    "list queues": _list_queues,
    "big": lambda size: "x" * size,
    "hold a child": _hold_a_child,
    "answer": lambda answer: answer,
}


def _told(event: dict[str, Any]) -> dict[str, Any]:
    """The event itself if the function was invoked directly, or else the body of the request."""
    if "version" not in event:
        return event
    body = event.get("body", "")
    told = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body) if body.startswith("{") else {}
    return told if isinstance(told, dict) else {}


def web(event: dict[str, Any], context: Any) -> Any:
    """Does the deed that the event names, such as `{"sleep": 2}`. Without one, it returns the event."""
    for deed, argument in _told(event).items():
        if deed in _DEEDS:
            return _DEEDS[deed](argument)
    return {"event": event, "remaining": context.get_remaining_time_in_millis(), "id": context.aws_request_id}


def batch(event: dict[str, Any], _: Any) -> Any:
    """Logs the messages. The body of each says what happens to it."""
    failed = []
    for record in event["Records"]:
        told = json.loads(record["body"])
        line = {"seen": told, "record": record, "pid": os.getpid(), "batch": len(event["Records"]), "at": time.time()}
        sys.stdout.write(json.dumps(line) + "\n")
        time.sleep(told.get("sleep", 0))
        if told.get("raise"):
            raise RuntimeError("the whole batch fails")
        if told.get("fail"):
            failed.append({"itemIdentifier": record["messageId"]})
        if told.get("garble"):
            failed.append({"itemIdentifier": "unheard of"})
    return {"batchItemFailures": failed}
