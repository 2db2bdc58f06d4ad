"""One process of a function under Lambda's runtime client, and the processor time that it uses (Linux only).

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryFile
from threading import Thread
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from sandbox.stack.processes import base_environment
from sandbox.stack.specs import REGION

PATIENCE = 300  # seconds for one step on a busy machine
_SECONDS_LEFT = 600  # of an invocation, so that no program gives up because the machine is busy
_PROCESS_TIME = 2  # the clock of a process's processor time, in the low bits of Linux's clock ids


class FunctionFailed(Exception):
    """The process ended, took too long, or reported an error. The text ends with what it logged."""


class Function:
    """A context manager: entering it starts a fresh process and waits until it asks for the first invocation.

    `init_ms` and the second value of `invoke` are milliseconds of processor time of the process and nothing else. With
    `snapshot`, the process waits after its hooks before a snapshot, and `restore` lets it go on.
    """

    def __init__(
        self, python: Path, folder: Path, handler: str, environment: Mapping[str, str], *, snapshot: bool = False
    ) -> None:
        self._asked: Queue[str] = Queue()
        self._payloads: Queue[bytes] = Queue()
        self._answers: Queue[tuple[str, bytes]] = Queue()
        self._server = _server(self._asked, self._payloads, self._answers)
        self._log = TemporaryFile()  # noqa: SIM115  # `__exit__` closes it
        self._command = [str(python), "-m", "awslambdaric", handler]
        self._folder, self._snapshot = folder, snapshot
        self._environment = base_environment() | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start" if snapshot else "on-demand",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "LAMBDA_TASK_ROOT": str(folder),
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",  # root may write into the read-only folder, but Lambda's user may not
            "_HANDLER": handler,
            **environment,
        }
        self._process: subprocess.Popen[bytes]
        self.init_ms = 0.0

    def __enter__(self) -> Self:
        """Raises FunctionFailed."""
        Thread(target=self._server.serve_forever, daemon=True).start()
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, env=self._environment, stdout=self._log, stderr=self._log
        )
        try:
            self._wait_for("restore" if self._snapshot else "next")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.init_ms = self._used_ms()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._payloads.put(b"")  # ends the thread that waits for an invocation
        self._server.shutdown()
        self._server.server_close()
        self._log.close()

    def restore(self) -> float:
        """Goes on after the snapshot. Returns the processor time until the process asks for an invocation."""
        before = self._used_ms()
        self._payloads.put(b"{}")
        self._wait_for("next")
        return self._used_ms() - before

    def invoke(self, event: Mapping[str, Any]) -> tuple[Any, float]:
        """Returns the answer, and the processor time until the next invocation is asked for. Raises FunctionFailed."""
        before = self._used_ms()
        self._payloads.put(json.dumps(event).encode())
        kind, answer = self._got(self._answers)
        if kind != "response":
            raise FunctionFailed(f"{kind}: {answer.decode()}{self.log()}")
        self._wait_for("next")
        return json.loads(answer), self._used_ms() - before

    def peak_megabytes(self) -> float:
        """The most memory that the process has held so far."""
        [line] = [line for line in self._status() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1_000_000

    def log(self) -> str:
        """Returns the text that the process wrote so far."""
        self._log.flush()
        return os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0).decode(errors="replace")

    def _status(self) -> list[str]:
        return Path(f"/proc/{self._process.pid}/status").read_text("ascii").splitlines()

    def _used_ms(self) -> float:
        return time.clock_gettime_ns(~self._process.pid << 3 | _PROCESS_TIME) / 1e6

    def _wait_for(self, step: str) -> None:
        if (asked := self._got(self._asked)) != step:
            raise FunctionFailed(f"expected {step}, got {asked}: {self.log()}")

    def _got(self, queue: "Queue[Any]") -> Any:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            try:
                return queue.get(timeout=1)
            except Empty:
                continue
        raise FunctionFailed(f"no answer, exit status {self._process.poll()}: {self.log()}")


def _server(asked: "Queue[str]", payloads: "Queue[bytes]", answers: "Queue[tuple[str, bytes]]") -> ThreadingHTTPServer:
    """The Runtime API of one process. It tells what the process asks for, and keeps what it answers."""

    class Calls(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Serves /runtime/invocation/next and /runtime/restore/next."""
            asked.put("restore" if "/restore/" in self.path else "next")
            self._answer(200, payloads.get())

        def do_POST(self) -> None:
            """Takes /runtime/invocation/{id}/response, …/error and /runtime/init/error."""
            content = self.rfile.read(int(self.headers["Content-Length"]))
            answers.put((self.path.rpartition("/")[2], content))
            self._answer(202, b"")

        def _answer(self, status: int, content: bytes) -> None:
            head = {
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
                "Lambda-Runtime-Aws-Request-Id": str(uuid4()),
                "Lambda-Runtime-Deadline-Ms": str(round((time.time() + _SECONDS_LEFT) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:123456789012:function:bench",
            }
            with suppress(BrokenPipeError, ConnectionResetError):  # the process was ended while it waited
                self.send_response(status)
                for name, value in head.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Calls)
