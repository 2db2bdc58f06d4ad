"""Pushes reports to their notifyUrl. A push that isn't answered with 200 is retried after 1 min + n² min."""

import asyncio
import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from sandbox.omni_api.clock import Clock, stamp
from sandbox.omni_api.faults import Faults
from sandbox.omni_api.models import Message
from sandbox.omni_api.reports import REPORTS_ROOT
from sandbox.omni_api.store import MessageStore
from sandbox.omni_api.timers import Timers
from sandbox.omni_api.wire import Format
from sandbox.omni_api.xml import render_xml

# The last retry falls within two days. After it, the report waits until it is fetched.
MAX_RETRIES: Final = 19
_TIMEOUTS: Final = (2.0, 5.0)
_TAKEN: Final = 200
_KEPT_ATTEMPTS: Final = 25


def push_retry_delay(retry: int) -> float:
    """Seconds before the n-th retry. The first is 1."""
    return 60.0 + 60.0 * retry**2


def is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class ReportPush:
    """One report on its way to its notifyUrl."""

    serial: int
    url: str
    content_type: str
    body: bytes
    report: Mapping[str, Any]


def post_once(push: ReportPush) -> int | str:
    """Posts the report once. Returns the HTTP status, or the name of the error that prevented an answer."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(
                push.url,
                data=push.body,
                headers={"Content-Type": push.content_type},
                timeout=_TIMEOUTS,
                allow_redirects=False,
                stream=True,  # nobody reads the answer's body
            )
        except (requests.RequestException, UnicodeError) as error:
            return type(error).__name__
        answer.close()
        return answer.status_code


class Pusher:
    """Sends from a few threads of its own. Retries use the common timers."""

    def __init__(
        self, store: MessageStore, timers: Timers, clock: Clock, faults: Faults, *, beyond_loopback: bool = False
    ) -> None:
        self._store = store
        self._timers = timers
        self._clock = clock
        self._faults = faults
        self._held: list[ReportPush] = []
        self._beyond_loopback = beyond_loopback
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="report-push")
        self._tasks: set[asyncio.Task[None]] = set()
        self.give_up: Callable[[Mapping[str, Any]], None] = lambda _report: None

    def push(self, message: Message, report: Mapping[str, Any]) -> None:
        notify = message.notify
        if notify is None:
            return
        payload = {"results": [report]}
        as_xml = notify.content_type == Format.XML
        body = render_xml(REPORTS_ROOT, payload) if as_xml else json.dumps(payload, ensure_ascii=False).encode()
        push = ReportPush(message.serial, notify.url, notify.content_type, body, report)
        # The timers run it after the message is stored, so that the first attempt can be noted on the message.
        self._timers.after(0, partial(self._set_off, push))

    def _set_off(self, push: ReportPush) -> None:
        """Starts the first attempt, unless a fault has been ordered for this report."""
        delay = self._faults.report_delay_ms / 1000 * self._clock.scale
        match self._faults.draw_for_report():
            case "lost":
                self._note(push, 0, "lost: ordered by POST /sandbox/faults")
            case "late":
                self._timers.after(delay, partial(self._attempt, push, 0))
            case "reordered":
                self._held.append(push)
                self._timers.after(delay, partial(self._release, [push]))
            case fault:
                for _ in range(2 if fault == "doubled" else 1):
                    self._attempt(push, 0)

    def _release(self, pushes: Sequence[ReportPush]) -> None:
        """Starts those of these reports that are still held back."""
        for push in pushes:
            if push in self._held:
                self._held.remove(push)
                self._attempt(push, 0)

    def _attempt(self, push: ReportPush, retry: int) -> None:
        if self._store.get(push.serial) is None:
            return
        if not (self._beyond_loopback or is_loopback(push.url)):
            self._note(push, retry, "not pushed: the host isn't this machine")
            self.give_up(push.report)
            return
        task = asyncio.get_running_loop().create_task(self._send(push, retry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, push: ReportPush, retry: int) -> None:
        result = await asyncio.get_running_loop().run_in_executor(self._threads, post_once, push)
        self._note(push, retry, result)
        self._release(tuple(self._held))
        if result == _TAKEN:
            return
        if retry < MAX_RETRIES:
            self._timers.after(push_retry_delay(retry + 1), partial(self._attempt, push, retry + 1))
        elif self._store.get(push.serial) is not None:
            self.give_up(push.report)

    def _note(self, push: ReportPush, retry: int, result: int | str) -> None:
        message = self._store.get(push.serial)
        if message is not None:
            attempt = {"at": stamp(self._clock.now()), "retry": retry, "url": push.url, "result": result}
            self._store.replace(replace(message, pushes=(*message.pushes, attempt)[-_KEPT_ATTEMPTS:]))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
