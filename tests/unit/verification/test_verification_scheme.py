"""A source describes by settings alone where a proof stands, what it covers, and how it is written."""

import base64
import hashlib
import hmac
import json
import zlib
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from relay.problems import NotAuthenticated
from relay.verification import parse
from relay.verification.inbound import InboundRequest
from tests.unit.verification.senders import NOW

SECRET = "an obviously fake secret"
BODY = b'{"id": "e1", "text": "Gr\xc3\xbcezi {timestamp}"}'
SECONDS = int(NOW.timestamp())


def request(headers: dict[str, str] | None = None, body: bytes = BODY, query: str = "") -> InboundRequest:
    return InboundRequest("POST", "/webhooks/x", query, headers or {}, body, NOW)


def mac(content: bytes, algorithm: str = "sha256", key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, content, algorithm).digest()


def refusal(verify: dict[str, Any], given: InboundRequest, secret: str = SECRET) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        parse(verify).check(given, [secret])
    return caught.value.detail


def taken(verify: dict[str, Any], given: InboundRequest, secret: str = SECRET) -> None:
    parse(verify).check(given, [secret])


PLAIN = {"preset": "hmac", "header": "X-Sig"}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_each_hash(algorithm: str) -> None:
    verify = PLAIN | {"algorithm": algorithm}
    taken(verify, request({"x-sig": mac(BODY, algorithm).hex()}))
    assert refusal(verify, request({"x-sig": mac(BODY + b" ", algorithm).hex()})) == "wrong signature"
    assert refusal(verify, request({"x-sig": mac(BODY, "md5").hex()})) == "malformed signature"


BYTES = mac(BODY, "sha512")
URLSAFE = base64.urlsafe_b64encode(BYTES).decode()


@pytest.mark.parametrize("value", [URLSAFE, URLSAFE.rstrip("=")])
def test_base64url_may_lack_its_padding(value: str) -> None:
    assert "_" in value
    taken(PLAIN | {"algorithm": "sha512", "encoding": "base64url"}, request({"x-sig": value}))


@pytest.mark.parametrize(
    "value", [base64.b64encode(BYTES).decode(), URLSAFE[:-1], f"{URLSAFE}=", f" {URLSAFE}", f"{URLSAFE}\n", "", "="]
)
def test_base64url_has_no_other_spelling(value: str) -> None:
    reason = refusal(PLAIN | {"algorithm": "sha512", "encoding": "base64url"}, request({"x-sig": value}))
    assert reason == ("malformed signature" if value else "missing header x-sig")


@pytest.mark.parametrize(
    ("encoding", "secret"),
    [("hex", b"\x00\xffkey".hex()), ("base64", base64.b64encode(b"\x00\xffkey").decode()), ("text", SECRET)],
)
def test_the_key_may_be_text_hex_or_base64(encoding: str, secret: str) -> None:
    key = SECRET.encode() if encoding == "text" else b"\x00\xffkey"
    taken(PLAIN | {"key_encoding": encoding}, request({"x-sig": mac(BODY, key=key).hex()}), secret)


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_secret_that_is_no_key_verifies_nothing(encoding: str) -> None:
    given = request({"x-sig": mac(BODY, key=b"%%%").hex()})
    assert refusal(PLAIN | {"key_encoding": encoding}, given, "%%%") == "wrong signature"


def test_the_signature_may_stand_in_the_query() -> None:
    verify = {"preset": "hmac", "query": "sig"}
    value = mac(BODY).hex()
    taken(verify, request(query=f"a=b&sig={value}"))
    assert refusal(verify, request(query="a=b")) == "missing query sig"
    assert refusal(verify, request(query=f"sig={value}&sig={value}")) == "missing query sig"
    assert refusal(verify, request({"sig": value})) == "missing query sig"
    assert refusal(verify, request(query="sig=%ff")) == "malformed query"
    assert refusal(verify, request(query="a&" * 2000)) == "malformed query"


def test_the_address_and_parts_of_the_request_may_be_signed() -> None:
    verify = PLAIN | {
        "public_url": "https://relay.example.com/in/webhooks/x",
        "signed": "{method}\n{url}\n{path}{query?}\n{header:X-Kind}\n{query:b}\n{body_hash:sha256-base64}",
    }
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    signed = f"POST\nhttps://relay.example.com/in/webhooks/x?a=%20&b=c\n/in/webhooks/x?a=%20&b=c\nk1\nc\n{digest}"
    headers = {"x-sig": mac(signed.encode()).hex(), "x-kind": "k1", "host": "evil.example.com"}
    good = request(headers, query="a=%20&b=c")
    taken(verify, good)
    for altered in (
        replace(good, query="a=%20&b=d"),
        replace(good, method="PUT"),
        replace(good, body=BODY + b" "),
        replace(good, headers=headers | {"x-kind": "k2"}),
    ):
        assert refusal(verify, altered) == "wrong signature"
    del headers["x-kind"]
    assert refusal(verify, request(headers, query="a=%20&b=c")) == "missing header X-Kind"


def test_a_checksum_of_the_body_may_be_signed_if_the_configuration_says_that_it_covers_little() -> None:
    verify = PLAIN | {"signed": "{header:X-Id}|{body_hash:crc32}", "covers_body": False}
    headers = {"x-id": "i1", "x-sig": mac(f"i1|{zlib.crc32(BODY)}".encode()).hex()}
    taken(verify, request(headers))
    assert refusal(verify, request(headers, BODY + b" ")) == "wrong signature"
    assert not parse(verify).signs_body


MAILGUN_LIKE = {
    "preset": "hmac",
    "field": "signature.signature",
    "signed": "{timestamp}{field:signature.token}",
    "timestamp_field": "signature.timestamp",
    "covers_body": False,
}


def signed_body(at: int = SECONDS, **changed: Any) -> bytes:
    stamp = str(at)
    proof = {"timestamp": stamp, "token": "t0k3n", "signature": mac(f"{stamp}t0k3n".encode()).hex()}
    return json.dumps({"signature": proof | changed, "event": {"x": 1}}).encode()


def test_a_signature_may_stand_in_the_body() -> None:
    taken(MAILGUN_LIKE, request(body=signed_body()))
    form = urlencode({"sig": mac(b"abc").hex(), "part": "abc"}).encode()
    verify = {"preset": "hmac", "field": "sig", "signed": "{field:part}", "covers_body": False}
    taken(verify, request({"content-type": "application/x-www-form-urlencoded"}, form))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed body"),
        (b"{", "malformed body"),
        (b"\xff", "malformed body"),
        (b'{"a":' * 5000, "malformed body"),
        (b"[]", "missing field signature.signature"),
        (b'{"signature": [{"signature": "00"}]}', "missing field signature.signature"),
        (signed_body(signature={"x": 1}), "missing field signature.signature"),
        (signed_body(signature="zz"), "malformed signature"),
        (signed_body(signature="0" * 64), "wrong signature"),
        (signed_body(token="other"), "wrong signature"),
        (signed_body(token=None), "wrong signature"),
        (signed_body(timestamp=None), "missing field signature.timestamp"),
        (signed_body(timestamp=True), "malformed timestamp"),
        (signed_body(timestamp=str(SECONDS + 1)), "wrong signature"),
        (signed_body(SECONDS - 301), "stale timestamp"),
        (signed_body(SECONDS + 301), "timestamp in the future"),
    ],
)
def test_a_signature_in_the_body_is_read_strictly(body: bytes, reason: str) -> None:
    assert refusal(MAILGUN_LIKE, request(body=body)) == reason


def test_a_field_in_a_list_must_be_the_only_one() -> None:
    verify = {
        "preset": "hmac",
        "field": "items[].sig",
        "signed": "{field:items[].n}:{field:gone}",
        "covers_body": False,
    }
    item = {"n": 7, "sig": mac(b"7:").hex()}
    taken(verify, request(body=json.dumps({"items": [item]}).encode()))
    for items in ([item, item], [item, {"n": 8}], [], [[item]], "x"):
        assert refusal(verify, request(body=json.dumps({"items": items}).encode())) == "missing field items[].sig"


def test_a_time_in_a_signed_body_is_read_after_the_signature() -> None:
    verify = PLAIN | {"timestamp_field": "at", "timestamp_format": "milliseconds", "tolerance": 60}

    def sent(at: Any, key: bytes = SECRET.encode()) -> InboundRequest:
        body = json.dumps({"at": at}).encode()
        return request({"x-sig": mac(body, key=key).hex()}, body)

    taken(verify, sent(SECONDS * 1000 - 60_000))
    taken(verify, sent(str(SECONDS * 1000 + 60_000)))
    assert refusal(verify, sent(SECONDS * 1000 - 60_001)) == "stale timestamp"
    assert refusal(verify, sent(SECONDS * 1000 + 60_001)) == "timestamp in the future"
    assert refusal(verify, sent(None)) == "missing field at"
    assert refusal(verify, sent(1.5)) == "missing field at"
    assert refusal(verify, sent(-1)) == "malformed timestamp"
    assert refusal(verify, sent(None, b"another")) == "wrong signature"


STAMPED = PLAIN | {"timestamp_header": "X-At", "signed": "{timestamp}{body}"}


def stamped(at: str) -> InboundRequest:
    return request({"x-sig": mac(at.encode() + BODY).hex(), "x-at": at})


@pytest.mark.parametrize(
    ("form", "genuine", "stale"),
    [
        ("seconds", str(SECONDS), str(SECONDS - 301)),
        ("milliseconds", str(SECONDS * 1000), str((SECONDS - 301) * 1000)),
        ("iso8601", "2026-03-01T12:00:00Z", "2026-03-01T11:54:59Z"),
        ("iso8601", "2026-03-01T14:00:00.123456789+02:00", "2026-03-01T11:59:59+02:00"),
    ],
)
def test_each_format_of_a_time(form: str, genuine: str, stale: str) -> None:
    verify = STAMPED | {"timestamp_format": form}
    taken(verify, stamped(genuine))
    assert refusal(verify, stamped(stale)) == "stale timestamp"


NO_ISO_TIMES = (
    "2026-03-01T12:00:00",
    "2026-03-01 12:00:00Z",
    "2026-03-01",
    "20260301T120000Z",
    "2026-13-01T12:00:00Z",
    "2026-03-01T25:00:00Z",
    "0000-03-01T12:00:00Z",
    "2026-03-01T12:00:00+25:00",
    "2026-03-01T12:00:00z",
    "\uff12026-03-01T12:00:00Z",
    "2026-03-01T12:00:00Z\n",
    "2026-03-01T12:00:00.Z",
    f"2026-03-01T12:00:00.{'0' * 5000}Z",
)


@pytest.mark.parametrize("at", NO_ISO_TIMES)
def test_a_time_of_another_form_is_malformed(at: str) -> None:
    assert refusal(STAMPED | {"timestamp_format": "iso8601"}, stamped(at)) == "malformed timestamp"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_the_ends_of_time_are_times(at: str) -> None:
    assert refusal(STAMPED | {"timestamp_format": "iso8601"}, stamped(at)) in (
        "stale timestamp",
        "timestamp in the future",
    )


def test_the_time_may_stand_in_the_signature_s_header() -> None:
    verify = PLAIN | {"separator": ";", "prefix": "h1=", "timestamp_prefix": "ts=", "signed": "{timestamp}:{body}"}
    signature = mac(f"{SECONDS}:".encode() + BODY).hex()
    taken(verify, request({"x-sig": f"ts={SECONDS};h1={signature}"}))
    taken(verify, request({"x-sig": f"h1={'0' * 64}; h1={signature}; ts={SECONDS}"}))
    assert refusal(verify, request({"x-sig": f"h1={signature}"})) == "malformed timestamp"
    assert refusal(verify, request({"x-sig": f"ts={SECONDS};ts={SECONDS};h1={signature}"})) == "malformed timestamp"
    assert refusal(verify, request({"x-sig": f"ts=;h1={mac(b':' + BODY).hex()}"})) == "malformed timestamp"


def test_a_shared_value_may_stand_in_the_query() -> None:
    verify = {"preset": "api-key", "query": "code", "prefix": "k-"}
    taken(verify, request(query=urlencode({"code": f"k-{SECRET}"})))
    assert refusal(verify, request(query="code=k-x")) == "wrong token"
    assert refusal(verify, request(query=urlencode({"code": SECRET}))) == "malformed query code"
    assert refusal(verify, request(query="")) == "missing query code"
    assert refusal(verify, request({"x-api-key": f"k-{SECRET}"})) == "missing query code"


def test_a_shared_value_may_stand_in_each_item_of_the_body() -> None:
    verify = {"preset": "api-key", "field": "value[].clientState"}

    def sent(*items: Any) -> InboundRequest:
        return request(body=json.dumps({"value": items}).encode())

    good = {"clientState": SECRET}
    taken(verify, sent(good))
    taken(verify, sent(good, good))
    assert refusal(verify, sent(good, {"clientState": "x"})) == "wrong token"
    for others in ((good, {}), (good, None), (good, {"clientState": 1}), ()):
        assert refusal(verify, sent(*others)).startswith(("missing field", "wrong token"))
    assert refusal(verify, request(body=b"nonsense")) == "malformed body"


def test_a_key_in_another_place_is_not_taken_from_the_default_header() -> None:
    assert parse({"preset": "api-key", "query": "code"}).redacted == parse("bearer").redacted
    assert "x-api-key" in parse("api-key").redacted
