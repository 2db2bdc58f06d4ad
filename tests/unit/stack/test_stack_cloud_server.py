"""The AWS services in memory take one call at a time. A long poll waits without holding up the others."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sandbox.stack.cloud_server import BusLog, Environ, OneAtATime, StartResponse


def call(app: OneAtATime | BusLog, target: str, **body: Any) -> Any:
    """The answer to a call of the JSON protocol."""
    content = json.dumps(body).encode()
    environ = {
        "HTTP_X_AMZ_TARGET": target,
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
    }
    return json.loads(b"".join(app(environ, lambda *_: None)))


def backend(answer: Callable[[Environ], Any]) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [json.dumps(answer(environ)).encode()]

    return app


def test_calls_do_not_overlap() -> None:
    inside = threading.Semaphore(1)

    def answer(_: Environ) -> bool:
        alone = inside.acquire(blocking=False)
        time.sleep(0.005)  # long enough for another call to arrive
        inside.release()
        return alone

    app = OneAtATime(backend(answer))
    with ThreadPoolExecutor(8) as callers:
        assert all(callers.map(lambda _: call(app, "DynamoDB_20120810.PutItem"), range(24)))


def test_a_long_poll_waits_for_a_message_and_lets_others_in_meanwhile() -> None:
    messages: list[str] = []

    def answer(environ: Environ) -> Any:
        body = json.loads(environ["wsgi.input"].read())
        if environ["HTTP_X_AMZ_TARGET"] == "AmazonSQS.SendMessage":
            messages.append(body["MessageBody"])
            return {}
        assert body["WaitTimeSeconds"] == 0  # moto itself must not wait
        return {"Messages": messages} if messages else {}

    app = OneAtATime(backend(answer))
    with ThreadPoolExecutor(1) as receiver:
        received = receiver.submit(call, app, "AmazonSQS.ReceiveMessage", WaitTimeSeconds=20)
        call(app, "AmazonSQS.SendMessage", MessageBody="hello")
        assert received.result(timeout=10) == {"Messages": ["hello"]}


def test_a_long_poll_for_nothing_ends_after_its_wait() -> None:
    app = OneAtATime(backend(lambda _: {}))
    started = time.monotonic()
    assert call(app, "AmazonSQS.ReceiveMessage", WaitTimeSeconds=1) == {}
    assert 1 <= time.monotonic() - started < 5


def test_what_a_bus_takes_is_logged_and_what_it_refuses_is_not(tmp_path: Path) -> None:
    app = BusLog(backend(lambda _: {"Entries": [{"EventId": "1"}, {"ErrorCode": "No"}]}), tmp_path / "logs" / "bus")
    entries = [{"EventBusName": "b", "DetailType": kind, "Detail": '{"id": 1}'} for kind in ("taken", "refused")]

    call(app, "AWSEvents.PutEvents", Entries=entries)
    call(app, "AWSEvents.DescribeEventBus", Name="b")

    (line,) = (tmp_path / "logs" / "bus").read_text().splitlines()
    assert {"bus": "b", "detail-type": "taken", "detail": {"id": 1}}.items() <= json.loads(line).items()
