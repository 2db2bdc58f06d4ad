"""A web page that a developer has open can't use the stack's own servers. The relay takes what API Gateway takes."""

from http.client import FORBIDDEN, OK
from typing import Any

import pytest
import requests

from sandbox.stack.stack import Stack

FOREIGN = [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}]
foreign = pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: next(iter(headers)))


def deletion(tiny: Stack, queue: str) -> dict[str, str]:
    """A call that a form or an image of a page could make."""
    return {"Action": "DeleteQueue", "QueueUrl": tiny.queue_url(queue)}


@foreign
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_foreign_page_changes_a_queue(tiny: Stack, method: str, headers: dict[str, str]) -> None:
    query = deletion(tiny, "UnpolledQueue")
    refused = requests.request(method, tiny.aws_url, params=query, headers=headers, timeout=10)

    assert refused.status_code == FORBIDDEN
    assert refused.json()["__type"] == "AccessDeniedException"
    assert tiny.queue_url("UnpolledQueue") in tiny.client("sqs").list_queues()["QueueUrls"]


@foreign
def test_no_foreign_page_reads_what_aws_holds(tiny: Stack, headers: dict[str, str]) -> None:
    assert requests.get(f"{tiny.aws_url}/moto-api/data.json", headers=headers, timeout=10).status_code == FORBIDDEN


@foreign
def test_no_foreign_page_invokes_a_function(tiny: Stack, headers: dict[str, str]) -> None:
    url = f"{tiny.lambda_url}/2015-03-31/functions/SlowFunction/invocations"
    marker = {"log": ['{"planted": "by a page"}']}
    refused = requests.post(url, json=marker, headers=headers, timeout=10)

    assert refused.status_code == FORBIDDEN
    assert refused.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert {"planted": "by a page"} not in tiny.log_records("SlowFunction")


@foreign
def test_no_foreign_page_speaks_for_a_process(tiny: Stack, headers: dict[str, str]) -> None:
    api = tiny.invoke("WebFunction", {"environment": True}).json()["AWS_LAMBDA_RUNTIME_API"]
    refused = requests.post(f"http://{api}/2018-06-01/runtime/init/error", json={}, headers=headers, timeout=10)

    assert (refused.status_code, refused.json()["errorType"]) == (FORBIDDEN, "Forbidden")


@pytest.mark.parametrize("host", ["host.docker.internal", "172.17.0.1", "localhost"])
def test_containers_reach_aws_by_the_names_that_docker_gives(tiny: Stack, host: str) -> None:
    answer: Any = requests.post(
        tiny.aws_url, params={"Action": "ListQueues"}, headers={"Host": f"{host}:4566"}, timeout=10
    )
    assert answer.status_code == OK


@foreign
def test_the_relay_takes_any_origin_and_host_because_signatures_guard_it(tiny: Stack, headers: dict[str, str]) -> None:
    assert requests.post(f"{tiny.relay_url}/webhooks/x", json={}, headers=headers, timeout=10).status_code == OK
