"""AWS and OMNI as one server with canned answers. It counts what a function calls, and over how many connections."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

_OMNI_STATUS = {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE", "description": "sent"}


class _Calls(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    parameters: ClassVar[Mapping[str, str]] = {}
    counts: ClassVar[Counter[str]] = Counter()
    used = False

    def do_GET(self) -> None:
        """Tells the counts since the last time."""
        counted = dict(self.counts)
        self.counts.clear()
        self._answer(counted)

    def do_POST(self) -> None:
        """Answers a call, and counts it."""
        call = self.headers.get("X-Amz-Target", "omni.send").rpartition(".")[2]
        if not self.used:
            self.used = True
            self.counts["connections"] += 1
        self.counts[call] += 1
        self._answer(self._content(call, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

    def _content(self, call: str, request: Mapping[str, Any]) -> Any:
        match call:
            case "GetParametersByPath":
                names = [name for name in self.parameters if name.startswith(request["Path"])]
                return {"Parameters": self._values(names)}
            case "GetParameters":
                return {"Parameters": self._values(request["Names"]), "InvalidParameters": []}
            case "SendMessage":
                md5 = hashlib.md5(request["MessageBody"].encode(), usedforsecurity=False).hexdigest()
                return {"MessageId": "m", "MD5OfMessageBody": md5}
            case "send":
                ids = [destination["messageId"] for destination in request["destinations"]]
                return {"messages": [{"messageId": message, "status": _OMNI_STATUS} for message in ids]}
        return {}

    def _values(self, names: list[str]) -> list[dict[str, str]]:
        return [{"Name": n, "Value": self.parameters[n]} for n in names if n in self.parameters]

    def _answer(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def canned_cloud(parameters: Mapping[str, str], prefix: str) -> Iterator[str]:
    """Gives the server's URL, which is also OMNI's. A GET tells the counts, and begins anew."""
    kind = type("_CallsOfOneServer", (_Calls,), {"counts": Counter()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    url = f"http://127.0.0.1:{server.server_port}"
    kind.parameters = {**parameters, f"{prefix}/omni/base-url": url}  # type: ignore[attr-defined]  # made by type()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
