"""The control calls, pushed reports, the pages, and the sandbox as a program."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from defusedxml.ElementTree import fromstring

ROOT = Path(__file__).parents[3]


class Receiver:
    """A notifyUrl. It answers with the given statuses and then with 200, and keeps the reports."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[str, bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.headers["Content-Type"], body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class names it so
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/reports"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def advanced(sandbox: Any, phone: str, **others: Any) -> None:
    destination = {"messageId": "x", "to": {"phoneNumber": phone}}
    body = {"destinations": [destination], "viber": {"text": "v"}, "sms": {"text": "s"}, **others}
    assert sandbox.ask("POST", "/omni/1/advanced", body).status == 200


def account(sandbox: Any, url: str | None, root: str = "json") -> None:
    order = {"reportUrl": url, "reportContentType": f"application/{root}"}
    assert sandbox.ask("POST", "/sandbox/account", order).status == 204


def spoil(sandbox: Any, **shares: float) -> None:
    assert sandbox.ask("POST", "/sandbox/faults", {"kind": "reports", **shares}).status == 201


def report(body: bytes) -> Any:
    return json.loads(body)["results"][0]


def test_a_report_is_pushed_instead_of_kept(sandbox: Any, receiver: Receiver) -> None:
    advanced(sandbox, "41793026727", notifyUrl=receiver.url, callbackData="mine")
    sandbox.until(lambda: receiver.got)

    ((content_type, body),) = receiver.got
    assert content_type == "application/json"
    assert json.loads(body) == {"results": [sandbox.settled("x")["report"]]}
    assert json.loads(body)["results"][0]["callbackData"] == "mine"
    assert sandbox.ask("GET", "/omni/1/reports").json() == {"results": []}


def test_intermediate_reports_are_pushed_for_each_step_in_xml_if_wanted(sandbox: Any, receiver: Receiver) -> None:
    advanced(
        sandbox,
        "41790003002",
        notifyUrl=receiver.url,
        notifyContentType="application/xml",
        intermediateReport=True,
    )
    sandbox.until(lambda: len(receiver.got) == 2)

    assert {content_type for content_type, _ in receiver.got} == {"application/xml"}
    documents = [fromstring(body) for _, body in receiver.got]
    assert [document.tag for document in documents] == ["omniReportsResponse"] * 2
    assert [document.findtext("results/result/channel") for document in documents] == ["VIBER", "SMS"]


def test_a_push_that_is_not_taken_is_retried_until_it_is(sandbox: Any, receiver: Receiver) -> None:
    receiver.statuses = [500, 204, 302]
    sandbox.ask("POST", "/sandbox/clock", {"timeScale": 6000})
    advanced(sandbox, "41793026727", notifyUrl=receiver.url)
    pushes = sandbox.until(lambda: len(sandbox.messages()[0]["pushes"]) == 4 and sandbox.messages()[0]["pushes"])

    assert [(push["retry"], push["result"]) for push in pushes] == [(0, 500), (1, 204), (2, 302), (3, 200)]
    assert len({body for _, body in receiver.got}) == 1


def test_a_report_that_nobody_takes_can_be_fetched_in_the_end(sandbox: Any) -> None:
    sandbox.ask("POST", "/sandbox/clock", {"timeScale": 1_000_000})
    advanced(sandbox, "41793026727", notifyUrl="http://127.0.0.1:1/")
    report = sandbox.until(lambda: sandbox.ask("GET", "/omni/1/reports").json()["results"])

    assert report[0]["messageId"] == "x"
    assert [push["retry"] for push in sandbox.messages()[0]["pushes"]] == list(range(20))


@pytest.mark.parametrize("root", ["json", "xml"])
def test_the_accounts_own_address_gets_what_names_no_other(sandbox: Any, receiver: Receiver, root: str) -> None:
    account(sandbox, f"{receiver.url}/account", root)
    sandbox.send("41793026727", message_id="text")
    sandbox.until(lambda: len(receiver.got) == 1)
    advanced(sandbox, "41793026727", notify=False)
    sandbox.settled("x")

    account(sandbox, None)
    sandbox.send("41793026727", message_id="later")
    sandbox.settled("later")

    ((content_type, body),) = receiver.got
    assert content_type == f"application/{root}"
    assert b"text" in body
    kept = sandbox.ask("GET", "/omni/1/reports").json()["results"]
    assert [report["messageId"] for report in kept] == ["x", "later"]


def test_a_notify_url_of_a_message_is_stronger_than_the_accounts(sandbox: Any, receiver: Receiver) -> None:
    account(sandbox, "http://127.0.0.1:1/account")
    advanced(sandbox, "41793026727", notifyUrl=receiver.url)
    (push,) = sandbox.until(lambda: sandbox.messages()[0]["pushes"])
    assert (push["url"], push["result"]) == (receiver.url, 200)


def test_a_message_may_ask_the_account_for_intermediate_reports(sandbox: Any, receiver: Receiver) -> None:
    account(sandbox, receiver.url)
    advanced(sandbox, "41790003002", intermediateReport=True)
    sandbox.until(lambda: len(receiver.got) == 2)
    assert [report(body)["channel"] for _, body in receiver.got] == ["VIBER", "SMS"]


def test_a_lost_report_is_never_pushed_but_stands_in_the_logs(sandbox: Any, receiver: Receiver) -> None:
    spoil(sandbox, lost=1)
    advanced(sandbox, "41793026727", notifyUrl=receiver.url)
    (push,) = sandbox.until(lambda: sandbox.messages()[0]["pushes"])

    assert push["result"].startswith("lost")
    assert receiver.got == []
    (line,) = sandbox.ask("GET", "/omni/1/logs?messageId=x").json()["results"]
    assert line["status"]["groupName"] == "DELIVERED"
    assert sandbox.ask("GET", "/omni/1/reports").json() == {"results": []}
    assert sandbox.ask("GET", "/sandbox/faults").json()["spoiltReports"] == {"lost": 1}


def test_a_doubled_report_is_pushed_twice_and_a_late_one_after_its_delay(sandbox: Any, receiver: Receiver) -> None:
    spoil(sandbox, doubled=1)
    advanced(sandbox, "41793026727", notifyUrl=receiver.url)
    sandbox.until(lambda: len(receiver.got) == 2)
    assert receiver.got[0] == receiver.got[1]

    spoil(sandbox, late=1, delayMs=300)
    account(sandbox, receiver.url)
    sandbox.send("41793026727", message_id="late-too")
    sandbox.settled("late-too")
    settled_at = time.monotonic()
    sandbox.until(lambda: len(receiver.got) == 3)
    assert time.monotonic() - settled_at > 0.2


def test_a_reordered_report_comes_after_the_next_one(sandbox: Any, receiver: Receiver) -> None:
    account(sandbox, receiver.url)
    spoil(sandbox, reordered=1, delayMs=600_000)
    sandbox.send("41793026727", message_id="first")
    sandbox.settled("first")
    spoil(sandbox)
    sandbox.send("41793026727", message_id="second")
    sandbox.until(lambda: len(receiver.got) == 2)
    assert [report(body)["messageId"] for _, body in receiver.got] == ["second", "first"]


def test_a_reordered_report_that_no_other_follows_comes_late(sandbox: Any, receiver: Receiver) -> None:
    account(sandbox, receiver.url)
    spoil(sandbox, reordered=1, delayMs=50)
    sandbox.send("41793026727", message_id="alone")
    sandbox.until(lambda: len(receiver.got) == 1)


def test_reports_are_not_pushed_to_other_machines(sandbox: Any) -> None:
    advanced(sandbox, "41793026727", notifyUrl="https://production.invalid/reports")
    (push,) = sandbox.until(lambda: sandbox.messages()[0]["pushes"])

    assert push["result"].startswith("not pushed")


def test_messages_are_found_by_their_ids(sandbox: Any) -> None:
    sandbox.send("41793026727", "41793026728", bulkId="bulk one")
    sandbox.send("41793026727", message_id="a/b?c", mailSubject="Subject")

    assert [m["bulkId"] for m in sandbox.messages("?bulkId=bulk+one")] == ["bulk one"] * 2
    (found,) = sandbox.messages(f"?messageId={quote('a/b?c', safe='')}")
    assert (found["to"], found["text"], found["subject"]) == ({"phoneNumber": "41793026727"}, "Hello", "Subject")
    assert found["answer"]["name"] == "PENDING_ENROUTE"
    assert sandbox.messages("?messageId=a/b?c&bulkId=bulk+one") == []
    assert [m["messageId"] for m in sandbox.messages("?limit=1")] == ["a/b?c"]
    one = sandbox.ask("GET", f"/sandbox/messages/{quote('a/b?c', safe='')}").json()
    assert json.loads(one["request"]["body"])["mailSubject"] == "Subject"
    assert sandbox.ask("GET", "/sandbox/messages/unknown").status == 404


def test_emptying_leaves_nothing_but_the_ids(sandbox: Any) -> None:
    sandbox.send("41793026727", message_id="x")
    sandbox.settled("x")

    assert sandbox.ask("DELETE", "/sandbox/messages").status == 204
    assert sandbox.messages() == []
    assert sandbox.ask("GET", "/omni/1/reports").json() == {"results": []}
    assert sandbox.ask("GET", "/omni/1/logs").json() == {"results": []}
    assert sandbox.send("41793026727", message_id="x").json()["messages"][0]["status"]["id"] == 23
    sandbox.ask("DELETE", "/sandbox/messages?forget=ids")
    assert sandbox.send("41793026727", message_id="x").json()["messages"][0]["status"]["id"] == 7


def test_a_trail_is_merged_whether_it_comes_before_or_after_the_message(sandbox: Any) -> None:
    early = {"messageIds": ["x", "y"], "event": {"id": "e1", "source": "github"}, "route": "release"}
    assert sandbox.ask("POST", "/sandbox/trail", early).status == 204
    sandbox.send("41793026727", message_id="x")
    sandbox.ask("POST", "/sandbox/trail", {"messageIds": ["x"], "event": {"at": "now"}, "dispatch": {"id": "d"}})

    assert sandbox.messages()[0]["trail"] == {
        "event": {"id": "e1", "source": "github", "at": "now"},
        "route": "release",
        "dispatch": {"id": "d"},
    }


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/sandbox/faults", b"{", ""),
        ("/sandbox/faults", b"[]", "body: "),
        ("/sandbox/faults", b'{"kind":"explode"}', "kind: expected 'status', 'timeout'"),
        ("/sandbox/faults", b'{"kind":"explode"}', "'random' or 'reports'"),
        ("/sandbox/faults", b'{"kind":["status"]}', "'random' or 'reports'"),
        ("/sandbox/faults", b'{"kind":"status","status":9}', "status: expected greater than or equal to 200"),
        ("/sandbox/faults", b'{"kind":"random","rate":2}', "rate: expected less than or equal to 1"),
        ("/sandbox/faults", b'{"kind":"reports","lost":0.6,"late":0.6}', "must be 1 together, at most"),
        ("/sandbox/account", b'{"reportUrl":"ftp://x"}', "reportUrl: "),
        ("/sandbox/account", b"{}", "reportUrl: "),
        ("/sandbox/clock", b'{"timeScale":0}', "timeScale: expected greater than 0"),
        ("/sandbox/clock", b'{"timeScale":1e999}', ""),
        ("/sandbox/trail", b'{"messageIds":"x"}', "messageIds: expected a valid list"),
        ("/sandbox/trail", b"[" * 100_000, ""),
    ],
)
def test_a_control_call_that_makes_no_sense_is_a_400(sandbox: Any, path: str, body: bytes, said: str) -> None:
    answer = sandbox.ask("POST", path, body)
    assert answer.status == 400
    assert said in answer.body.decode()


def test_health_waits_for_the_rest_of_the_stack(start_sandbox: Any) -> None:
    parts: list[str] = []
    waiting = start_sandbox(ready=lambda: bool(parts))

    assert waiting.ask("GET", "/sandbox/health").status == 503
    parts.append("functions")
    assert waiting.ask("GET", "/sandbox/health").json() == {"status": "ok"}


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}\u202e\x00"


def test_the_page_shows_hostile_content_as_text(sandbox: Any) -> None:
    send = {"destinations": [{"messageId": HOSTILE, "to": {"phoneNumber": "41793026727", "emailAddress": HOSTILE}}]}
    sandbox.ask("POST", "/omni/1/text", {**send, "text": HOSTILE, "mailSubject": HOSTILE})
    page = sandbox.ask("GET", "/", headers={"Host": 'localhost/"><script>x</script>'})
    html = page.body.decode()

    assert page.status == 200
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 4
    assert not re.search(r"<(script|img)", html)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy


def test_an_empty_page_says_how_to_send_the_first_message_and_links_the_numbers(sandbox: Any) -> None:
    html = sandbox.ask("GET", "/").body.decode()

    assert f"curl {sandbox.base}/omni/1/text" in html
    assert 'href="/numbers"' in html
    assert "41790003002" in sandbox.ask("GET", "/numbers").body.decode()


def test_the_page_lists_the_newest_first(sandbox: Any) -> None:
    for text in ("the older", "the newer"):
        sandbox.send("41793026727", text=text)
    html = sandbox.ask("GET", "/").body.decode()

    assert html.index("the newer") < html.index("the older")


def run_program(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sandbox.omni_api", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_program_serves_the_scenarios_of_its_configuration_and_stops_when_told(tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(f"scenarios: {{incident: {'A' * 32}}}\n")
    with run_program("--port", "0", "--config", str(config), "--time-scale", "60") as program:
        assert program.stdout is not None
        base = re.search(r"http://127\.0\.0\.1:\d+", program.stdout.readline())
        assert base is not None
        with urlopen(f"{base[0]}/sandbox/clock", timeout=10) as answer:
            assert json.load(answer) == {"timeScale": 60}
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) in {0, -signal.SIGTERM}


def test_a_port_in_use_is_said_in_so_many_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with run_program(SANDBOX_PORT=str(port)) as program:
            _, said = program.communicate(timeout=10)

    assert program.returncode == 2
    assert said == f"port {port} is in use; free it, or choose another one with --port=…\n"
