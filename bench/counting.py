"""A proxy between functions and AWS that counts calls and connections."""

import http.client
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

_BY_CONNECTION = frozenset({"content-length", "connection", "transfer-encoding", "date", "server"})


@dataclass(slots=True)
class Counted:
    """`calls` are by their names, such as `PutItem`. `url` is the proxy's, and `port` is where it forwards to."""

    url: str
    port: int
    calls: Counter[str] = field(default_factory=Counter)
    connections: int = 0


@contextmanager
def counting(port: int = 0) -> Iterator[Counted]:
    """Starts a proxy of what listens on that port of this machine. The port may be set before the first call."""

    class Calls(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            """Counts a connection."""
            super().setup()
            counted.connections += 1

        def do_POST(self) -> None:
            """Forwards one call."""
            counted.calls[self.headers["X-Amz-Target"].rpartition(".")[2]] += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            connection = http.client.HTTPConnection("127.0.0.1", counted.port)
            connection.request("POST", self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _BY_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Calls)
    counted = Counted(f"http://127.0.0.1:{server.server_port}", port)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield counted
    finally:
        server.shutdown()
        server.server_close()
