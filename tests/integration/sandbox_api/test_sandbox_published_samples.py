"""Each published sample of POST /omni/1/text gets the answer that its page shows. Only the host is changed."""

import http.client
import json
import socket
import subprocess
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring

SAMPLES = Path(__file__).parent / "samples"

PENDING = {
    "groupId": 1,
    "groupName": "PENDING",
    "id": 7,
    "name": "PENDING_ENROUTE",
    "description": "Message sent to next instance",
}
ACCEPTED = {
    "groupId": "0",
    "groupName": "ACCEPTED",
    "id": "0",
    "name": "MESSAGE_ACCEPTED",
    "description": "Message accepted",
}
BOTH = {"phoneNumber": "41793026727", "emailAddress": "email@example.com"}
PHONE = {"phoneNumber": "41793026731"}

JSON_ONE = {"messages": [{"to": BOTH, "status": PENDING, "messageId": "made up"}]}
JSON_TWO = {
    "bulkId": "Bulk-ID-12xyz",
    "messages": [
        {"to": BOTH, "status": PENDING, "messageId": "MESSAGE-ID-123-xyz"},
        {"to": PHONE, "status": PENDING, "messageId": "made up"},
    ],
}
XML_ONE = {"omniResponse": {"messages": [{"to": BOTH, "status": ACCEPTED, "messageId": "made up"}]}}
XML_TWO = {
    "omniResponse": {
        "bulkId": "Bulk-ID-12xyz",
        "messages": [
            {"to": BOTH, "status": ACCEPTED, "messageId": "MESSAGE-ID-123-xyz"},
            {"to": PHONE, "status": ACCEPTED, "messageId": "made up"},
        ],
    }
}


def shown(answer: dict[str, Any], given_ids: frozenset[str] = frozenset({"MESSAGE-ID-123-xyz"})) -> dict[str, Any]:
    """The answer with a fixed text for the ids that the server made, because they differ each time."""
    body = answer.get("omniResponse", answer)
    for message in body["messages"]:
        if message["messageId"] not in given_ids:
            assert len(message["messageId"]) == 36
            message["messageId"] = "made up"
    return answer


def tree(element: Element) -> Any:
    if element.tag == "messages":
        return [tree(child) for child in element]
    return {child.tag: tree(child) for child in element} if len(element) else element.text


def exchange(sandbox: Any, sample: str, *, absolute: bool = False) -> tuple[int, str, bytes]:
    """Sends a sample's bytes with another host, and reads the answer."""
    head, _, body = (SAMPLES / sample).read_text().partition("\n\n")
    head = head.replace("Host: api.infobip.com", f"Host: 127.0.0.1:{sandbox.port}")
    if absolute:
        head = head.replace("POST /", f"POST http://127.0.0.1:{sandbox.port}/", 1)
    lines = [*head.split("\n"), f"Content-Length: {len(body.encode())}", "", ""]
    with socket.create_connection((sandbox.host, sandbox.port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode() + body.encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        content = answer.read()
        answer.close()
    return answer.status, answer.headers["Content-Type"], content


@pytest.mark.parametrize("absolute", [False, True], ids=["path", "absolute-form"])
@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("json-one.http", JSON_ONE),
        ("json-two.http", JSON_TWO),
        ("php.http", JSON_TWO),
        ("ruby.http", JSON_TWO),
        ("java.http", JSON_TWO),
        ("csharp.http", JSON_TWO),
    ],
)
def test_a_json_sample_gets_the_answer_that_the_page_shows(
    sandbox: Any, sample: str, expected: Any, absolute: bool
) -> None:
    status, content_type, content = exchange(sandbox, sample, absolute=absolute)

    assert status == 200
    assert content_type == "application/json"
    assert shown(json.loads(content)) == expected


def test_the_xml_sample_gets_the_answer_that_the_page_shows(sandbox: Any) -> None:
    status, content_type, content = exchange(sandbox, "xml-one.http")

    assert status == 200
    assert content_type == "application/xml"
    root = fromstring(content)
    assert shown({root.tag: tree(root)}) == XML_ONE


def test_the_xml_sample_that_is_not_well_formed_is_refused_rather_than_guessed(sandbox: Any) -> None:
    status, content_type, content = exchange(sandbox, "xml-two-malformed.http")

    assert (status, content_type) == (400, "application/xml")
    root = fromstring(content)
    assert root.tag == "requestError"
    assert [child.tag for child in root] == ["serviceException"]
    assert root.findtext("serviceException/messageId") == "BAD_REQUEST"
    assert sandbox.messages() == []


def test_the_same_xml_sample_once_mended_gets_the_answer_that_the_page_shows(sandbox: Any) -> None:
    broken = (SAMPLES / "xml-two-malformed.http").read_text().partition("\n\n")[2]
    mended = broken.replace("</destinations>", "</destination></destinations>", 1).replace(
        "</destinations>\n  </destinations>", "</destinations>"
    )
    reply = sandbox.ask("POST", "/omni/1/text", mended.encode(), {"Content-Type": "application/xml"})

    assert reply.status == 200
    root = fromstring(reply.body)
    assert shown({root.tag: tree(root)}) == XML_TWO


def test_the_curl_sample_gets_the_answer_that_the_page_shows(sandbox: Any) -> None:
    command = ["curl", "--silent", "--noproxy", "*", "-X", "POST"]
    command += ["-H", "Content-Type: application/json", "-H", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ"]
    command += ["-d", (SAMPLES / "curl-body.json").read_text(), f"{sandbox.base}/1/omni/1/text"]

    answer = subprocess.run(command, capture_output=True, check=True, timeout=10)

    assert shown(json.loads(answer.stdout)) == JSON_TWO


def test_the_python_sample_gets_the_answer_that_the_page_shows(sandbox: Any) -> None:
    conn = http.client.HTTPConnection(sandbox.host, sandbox.port)
    headers = {"content-type": "application/json", "authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ"}
    conn.request("POST", "/1/omni/1/text", (SAMPLES / "python-body.json").read_text(), headers)

    answer = json.loads(conn.getresponse().read().decode("utf-8"))
    conn.close()

    assert shown(answer) == JSON_TWO


JAVASCRIPT = """
const [url, data] = process.argv.slice(1);
const headers = {"content-type": "application/json", "authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ"};
fetch(url, {method: "POST", headers, body: JSON.stringify(JSON.parse(data)), credentials: "include"})
  .then((answer) => answer.text()).then((text) => console.log(text));
"""


@pytest.mark.e2e  # needs node, which not every machine has
def test_the_javascript_sample_gets_the_answer_that_the_page_shows(sandbox: Any) -> None:
    data = (SAMPLES / "javascript-data.json").read_text()
    command = ["node", "-e", JAVASCRIPT, f"{sandbox.base}/1/omni/1/text", data]

    answer = subprocess.run(command, capture_output=True, check=True, timeout=20)

    assert shown(json.loads(answer.stdout)) == JSON_TWO
