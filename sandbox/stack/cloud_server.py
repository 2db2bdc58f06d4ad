"""SSM, SQS, DynamoDB and EventBridge's buses in memory: moto, with the consistency that its server lacks.

cloud.py runs it as a process.

Moto's state has no locks: two conditional writes at once could both succeed, and a delete could swallow a send.
Therefore one call runs at a time. Long polling must not hold the lock, so this module waits instead of moto.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.ssm.exceptions import ValidationException
from moto.ssm.models import Parameter, SimpleSystemManagerBackend
from werkzeug.serving import make_server

from sandbox.browsers import refusal

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]
_POLL_INTERVAL = 0.05


class OneAtATime:
    """Lets one call run at a time. The wait of ReceiveMessage holds up nobody."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app
        self._lock = Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.ReceiveMessage":
            return self._long_poll(environ, start_response)
        return self._call(environ, start_response)

    def _call(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with self._lock:
            return list(self._app({**environ, "wsgi.input": BytesIO(body)}, start_response))

    def _long_poll(self, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        request = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        until = time.monotonic() + int(request.get("WaitTimeSeconds", 0))
        body = json.dumps({**request, "WaitTimeSeconds": 0}).encode()
        head: list[Any] = []
        while True:
            attempt = {**environ, "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
            answer = b"".join(self._call(attempt, lambda *arguments: head.append(arguments)))
            if b'"Messages"' in answer or not head[-1][0].startswith("200") or time.monotonic() >= until:
                start_response(*head[-1])
                yield answer
                return
            time.sleep(_POLL_INTERVAL)


class BusLog:
    """Writes each event that a bus has taken to a file, one JSON line each, because no rule listens to it here."""

    def __init__(self, app: WsgiApp, path: Path) -> None:
        self._app = app
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET") != "AWSEvents.PutEvents":
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer = b"".join(self._app({**environ, "wsgi.input": BytesIO(body)}, start_response))
        results = json.loads(answer).get("Entries", ())
        for entry, result in zip(json.loads(body).get("Entries", ()), results, strict=False):
            if "EventId" in result:
                detail = {"detail-type": entry.get("DetailType"), "detail": json.loads(entry["Detail"])}
                line = {"time": datetime.now(UTC).isoformat(), "bus": entry.get("EventBusName"), **detail}
                os.write(self._file, json.dumps(line).encode() + b"\n")
        return [answer]


class KeepAlive(MotoRequestHandler, BaseHTTPRequestHandler):
    """Serves many calls on one connection, as AWS does."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True


def refuse_references() -> None:
    """Makes moto refuse values with `{{`, as SSM does. A configuration must not work only locally."""
    put_parameter = SimpleSystemManagerBackend.put_parameter

    def checked(
        self: SimpleSystemManagerBackend, name: str, description: str, value: str, *others: Any, **named: Any
    ) -> Parameter:
        if "{{" in value:
            raise ValidationException('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.')
        return put_parameter(self, name, description, value, *others, **named)

    SimpleSystemManagerBackend.put_parameter = checked  # type: ignore[method-assign]  # moto offers no hook


def guarded(app: WsgiApp, hosts: Collection[str]) -> WsgiApp:
    """Refuses foreign web pages, whatever the method, because moto lets any page read its answers."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        names = ("host", "origin", "sec-fetch-site")
        headers = {name: environ[key] for name in names if (key := f"HTTP_{name.upper().replace('-', '_')}") in environ}
        why = refusal(environ["REQUEST_METHOD"], headers, hosts, harmless=())
        if why is None:
            return app(environ, start_response)
        body = json.dumps({"__type": "AccessDeniedException", "message": why}).encode()
        start_response(
            "403 Forbidden", [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(body)))]
        )
        return [body]

    return answer


def main() -> None:
    """`cloud_server.py FILE_DESCRIPTOR BUS_LOG HOST…`: a socket that listens, the buses' log, this machine's names."""
    descriptor, bus_log, *hosts = sys.argv[1:]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    refuse_references()
    moto = OneAtATime(DomainDispatcherApplication(create_backend_app))
    app = guarded(BusLog(moto, Path(bus_log)), hosts)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=KeepAlive, fd=int(descriptor))
    server.serve_forever()


if __name__ == "__main__":
    main()
