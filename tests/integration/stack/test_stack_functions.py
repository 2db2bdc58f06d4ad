"""Functions run as in Lambda: in their own processes, one invocation at a time, with timeouts and replacements."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import OK
from itertools import pairwise
from typing import Any

import pytest
import requests

from sandbox.stack.cloud import client
from sandbox.stack.settings import StackError, StackSettings
from sandbox.stack.stack import Stack


def post(stack: Stack, path: str, body: Any) -> requests.Response:
    return requests.post(stack.relay_url + path, json=body, timeout=30)


def test_an_invocation_sees_its_deadline_and_the_environment_of_the_template(tiny: Stack) -> None:
    answer = tiny.invoke("SlowFunction", {}).json()
    assert 19_000 < answer["remaining"] <= 20_000

    environment = tiny.invoke("WebFunction", {"environment": True}).json()
    assert environment["QUEUE_URL"] == tiny.queue_url("Queue")
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "omni-relay-local-WebFunction"
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")


@pytest.mark.parametrize(
    ("function", "path", "sampled"), [("SlowFunction", "/slow", "Sampled=1"), ("WebFunction", "/any/x", "Sampled=0")]
)
def test_an_invocation_is_traced_where_the_template_says_so(
    tiny: Stack, function: str, path: str, sampled: str
) -> None:
    directly = tiny.invoke(function, {"environment": True}).json()
    by_http = post(tiny, path, {"environment": True}).json()
    for environment in (directly, by_http):
        assert environment["_X_AMZN_TRACE_ID"].endswith(f";{sampled}")
        assert environment["AWS_XRAY_DAEMON_ADDRESS"] == "127.0.0.1:2000"


def test_nothing_of_the_users_environment_reaches_a_function(
    tiny_settings: Callable[..., StackSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALLYREAL")
    with Stack(tiny_settings()) as stack:
        environment = stack.invoke("WebFunction", {"environment": True}).json()
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_ACCESS_KEY_ID"] == "local"


def test_an_exception_is_a_function_error_that_says_which(tiny: Stack) -> None:
    lambda_client = client("lambda", tiny.lambda_url)
    answer = lambda_client.invoke(FunctionName="WebFunction", Payload=json.dumps({"raise": "not a number"}))
    error = json.load(answer["Payload"])
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "ValueError"
    assert "not a number" in error["errorMessage"]


def test_the_invoke_api_knows_names_and_arns_and_refuses_others(tiny: Stack) -> None:
    lambda_client = client("lambda", tiny.lambda_url)
    for name in ("WebFunction", "omni-relay-local-WebFunction", tiny.template.functions["WebFunction"].arn):
        assert json.load(lambda_client.invoke(FunctionName=name, Payload=b'{"answer": 1}')["Payload"]) == 1
    with pytest.raises(lambda_client.exceptions.ResourceNotFoundException):
        lambda_client.invoke(FunctionName="NoFunction")


def test_a_process_that_dies_in_flight_fails_its_caller_at_once_and_is_replaced(
    tiny: Stack, eventually: Callable[..., Any]
) -> None:
    before = set(tiny.pids("SlowFunction"))
    started = time.monotonic()
    answer = post(tiny, "/slow", {"die": True})
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert time.monotonic() - started < 10  # the function's own timeout is 20 s

    eventually(lambda: len(before - set(tiny.pids("SlowFunction"))) == 1)
    eventually(lambda: len(tiny.pids("SlowFunction")) == len(before))
    assert post(tiny, "/slow", {}).status_code == OK


def test_an_idle_process_that_is_killed_is_replaced_before_anyone_asks(
    tiny: Stack, eventually: Callable[..., Any]
) -> None:
    victim = tiny.invoke("WebFunction", {"pid": True}).json()["pid"]
    tiny.kill(victim)
    eventually(lambda: victim not in tiny.pids("WebFunction") and tiny.pids("WebFunction"))
    assert post(tiny, "/webhooks/x", {}).status_code == OK


def test_a_process_that_exits_is_named_with_its_status(tiny: Stack) -> None:
    outcome = tiny.invoke("WebFunction", {"exit": 3})
    assert outcome.error == "Unhandled"
    assert outcome.json()["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in outcome.json()["errorMessage"]


def test_a_function_that_hangs_is_killed_at_its_timeout(tiny: Stack, eventually: Callable[..., Any]) -> None:
    before = set(tiny.pids("WebFunction"))
    started = time.monotonic()
    outcome = tiny.invoke("WebFunction", {"sleep": 60})
    assert 1 <= time.monotonic() - started < 10
    assert "Task timed out after 1.00 seconds" in outcome.json()["errorMessage"]
    eventually(lambda: before - set(tiny.pids("WebFunction")))
    assert post(tiny, "/webhooks/x", {}).status_code == OK


def test_what_a_killed_process_has_started_dies_with_it(tiny: Stack, eventually: Callable[..., Any]) -> None:
    child = tiny.invoke("WebFunction", {"hold a child": True}).json()["child"]
    processes = len(tiny.pids("WebFunction"))
    with ThreadPoolExecutor(processes) as callers:  # one for each process, so that the child's parent is among them
        list(callers.map(lambda _: tiny.invoke("WebFunction", {"sleep": 60}), range(processes)))
    eventually(lambda: not _alive(child))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_each_process_works_on_one_invocation_at_a_time_and_the_rest_wait(tiny: Stack) -> None:
    with ThreadPoolExecutor(5) as callers:
        spans = [a.json() for a in callers.map(lambda _: tiny.invoke("SlowFunction", {"sleep": 0.6}), range(5))]
    by_process: dict[int, list[dict[str, float]]] = {}
    for span in sorted(spans, key=lambda span: span["from"]):
        by_process.setdefault(int(span["pid"]), []).append(span)
    assert len(by_process) == 3
    for work in by_process.values():
        assert all(earlier["to"] <= later["from"] for earlier, later in pairwise(work))


def test_beyond_its_reserved_concurrency_a_function_is_throttled(tiny: Stack) -> None:
    with ThreadPoolExecutor(2) as callers:
        answers = sorted(
            callers.map(lambda _: post(tiny, "/reserved", {"sleep": 1}), range(2)), key=lambda a: a.status_code
        )
    assert [answer.status_code for answer in answers] == [200, 503]


def test_an_answer_larger_than_lambdas_limit_fails(tiny: Stack) -> None:
    outcome = tiny.invoke("SlowFunction", {"big": 7 * 2**20})
    assert outcome.json()["errorType"] == "Function.ResponseSizeTooLarge"


def test_the_log_file_holds_whole_lines_of_json_only(tiny: Stack, eventually: Callable[..., Any]) -> None:
    wrapped = ["plain text \u00e9", '["a list"]', "x" * 200_000]
    lines = ['{"level": "INFO", "message": "first"}', *wrapped, '{"last": true}']
    tiny.invoke("SlowFunction", {"log": lines})
    records = eventually(lambda: _until(tiny.log_records("SlowFunction"), {"last": True}))
    first = records.index({"level": "INFO", "message": "first"})
    found = [record for record in records[first:] if record.get("message") in wrapped]  # another process may log too
    assert [record["message"] for record in found] == wrapped
    assert {record["level"] for record in found} == {"RAW"}


def _until(records: list[dict[str, Any]], last: dict[str, Any]) -> list[dict[str, Any]] | None:
    return records if last in records else None


def test_a_function_that_can_not_be_loaded_fails_the_start_and_says_why(
    tiny_settings: Callable[..., StackSettings], tmp_path: Any
) -> None:
    template = tmp_path / "template.yaml"
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    template.write_text(
        "Resources: {BrokenFunction: {Type: AWS::Serverless::Function, Properties: {Handler: broken.handler}}}"
    )
    settings = StackSettings(template=template, logs=tmp_path, ports=tiny_settings().ports, with_sandbox=False)
    with pytest.raises(StackError, match=r"BrokenFunction can't start: .*no_such_module"), Stack(settings):
        pass
