"""Hypothesis strategies for what an adversary might send: bodies, headers and values, hostile in form or meaning."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import strategies as st

from sandbox import event_files
from sandbox.renewal import body_of

FORM = "application/x-www-form-urlencoded"
WEBHOOKS = sorted(name for name in event_files.names() if event_files.is_webhook(event_files.load(name)))

# The least number of requests that each test sends. A run sends 20,000, most of them to the handler in the test's own
# process.
LEAST = {
    "unsigned": 9_000,
    "signed": 3_000,
    "edges": 2_600,
    "altered": 2_500,
    "names": 500,
    "handshakes": 1_500,
    "schema": 700,
    "sockets": 1_500,
    "malformed": 300,
}

any_text = st.text(st.characters(codec=None, categories=None), max_size=30)
NASTY_TEXTS = (
    "",
    " ",
    "\x00",
    "\ud800",
    "\udfff\ud800",
    "\ufffe\uffff",
    "\u202e\u2066",
    "e\u0301" * 40,
    "a" * 30_000,
    "\U0001f600" * 6_000,
    "{{ 7 * 7 }}{% for x in range(9**9) %}",
    "${jndi:ldap://127.0.0.1/a}",
    "'; DROP TABLE --",
    "../../../etc/passwd",
    "<script>alert(1)</script>",
    "\r\nSet-Cookie: a=b",
    "+41 79 302 67 27",
    "0041793026727",
    "+1" * 20,
    "٠٠٤١٧٩٣٠٢٦٧٢٧",
    "ops@example.com",
    '"a b"@[127.0.0.1]',
    "a@" + "b." * 120 + "com",
    "@" * 300,
    "http://169.254.169.254/latest/meta-data/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "https://" + "a" * 3_000,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2031-05-24T10:45:38+23:59:59",
    "1e400",
    "NaN",
)
NASTY_NUMBERS = ("1e308", "-1e-400", "1" * 64, "0." + "3" * 60, "-0", "0e0", "9007199254740993", "1e22", "0.1")
NOT_JSON_NUMBERS = ("NaN", "Infinity", "-Infinity", "1" * 65, "1" * 5_000, "1e999", "01", "1_000", "0x10", "\u0661")
# The names that the routes, schemas and presets under test look at.
NAMES = (
    *("to", "text", "title", "alerts", "items", "data", "kind", "total", "people", "rank", "channel", "url", "at"),
    *("phone", "email", "name", "tags", "id", "fingerprint", "groupKey", "status", "startsAt", "event", "event_id"),
    *("type", "challenge", "payload", "scenario", "subject", "channels", "sms", "sendAt", "callbackData", "notifyUrl"),
    *("MessageSid", "MessageStatus", "destinations", "scenarioKey", "bulk_id", "self", "__class__", "x-a", "whatsApp"),
)

numbers = st.one_of(
    st.sampled_from(NASTY_NUMBERS).map(json.loads),
    st.integers(-(10**63), 10**63),
    st.floats(allow_nan=False, allow_infinity=False),
)
texts = st.one_of(st.sampled_from(NASTY_TEXTS), any_text)
names = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), texts)
leaves = st.one_of(st.none(), st.booleans(), numbers, texts, texts)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(names, inner, max_size=6)),
    max_leaves=25,
)
objects = st.dictionaries(names, values, min_size=1, max_size=10)

recipients = st.one_of(
    st.fixed_dictionaries({}, optional={"phone": leaves, "email": leaves}),
    st.just({"phone": "+41 79 302 67 27"}),
    values,
)
notification_fields = {
    "id": leaves,
    "text": leaves,
    "subject": leaves,
    "channels": st.one_of(st.dictionaries(names, st.dictionaries(names, values, max_size=3), max_size=3), values),
    "sendAt": leaves,
    "callbackData": leaves,
    "notifyUrl": texts,
    "scenario": texts,
    "to": st.one_of(st.lists(recipients, min_size=1, max_size=4), values),
}
# Valid notifications in which up to two fields are hostile. With more, the first checks would refuse them all, and the
# code after these checks would never run.
notifications = st.builds(
    lambda chosen, drawn: (
        {"to": [{"phone": "+41 79 302 67 27"}], "scenario": "incident", "text": "hello"}
        | {name: drawn[name] for name in chosen}
    ),
    st.lists(st.sampled_from(sorted(notification_fields)), max_size=2),
    st.fixed_dictionaries(notification_fields),
)


def repeated(value: Any, times: int) -> list[Any]:
    """Returns a list of `times` copies, or of as many as fit into a body within the size limit."""
    return [value] * min(times, 500_000 // len(json.dumps(value)))


floods = st.one_of(
    st.builds(lambda item, n: {"alerts": repeated(item, n)}, values, st.sampled_from([2, 499, 501, 2_000])),
    st.builds(lambda item, n: {"to": repeated(item, n), "text": "x"}, recipients, st.sampled_from([101, 4_999, 9_000])),
    st.builds(lambda name, n: {f"{name}{i}": i for i in range(n)}, any_text, st.sampled_from([29, 5_000])),
    st.builds(lambda n: {"channels": {f"c{i}": 1 for i in range(n)}, "to": []}, st.sampled_from([10, 29, 5_000])),
)


def _encoded(value: Any, *, ascii_only: bool) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "replace")


def _nested(opening: str, inner: str, closing: str, depth: int) -> bytes:
    return (opening * depth + inner + closing * depth).encode()


def _doubled(value: Any) -> bytes:
    """Writes each name twice, with another `to` in between, because parsers differ in which value they take."""
    body = json.dumps(value)[1:-1]
    return f'{{{body}, "to": 1, {body}}}'.encode()


def _cut(body: bytes, at: int) -> bytes:
    return body[: at % (len(body) + 1)]


json_bodies = st.one_of(
    st.builds(
        lambda value, ascii_only: _encoded(value, ascii_only=ascii_only),
        st.one_of(objects, notifications, values),
        st.booleans(),
    ),
    st.one_of(objects, notifications).map(_doubled),
    floods.map(json.dumps).map(str.encode),
)
_CODES = ("utf-16", "utf-32", "latin-1", "utf-7", "cp037", "utf-8-sig")
broken_bodies = st.one_of(
    st.builds(
        lambda body, code: body.decode("utf-8", "replace").encode(code, "replace"), json_bodies, st.sampled_from(_CODES)
    ),
    json_bodies.map(gzip.compress),
    st.builds(_cut, json_bodies, st.integers(0, 10_000)),
    st.binary(max_size=400),
)
form_bodies = st.one_of(
    st.dictionaries(names, texts, max_size=8).map(lambda f: urlencode(f, errors="replace").encode()),
    json_bodies.map(lambda body: urlencode({"payload": body}).encode()),
)


def edges() -> Iterator[bytes]:
    """Yields bodies at the limits of the formats. Each is sent in every run, because random choice might miss it."""
    for depth in (63, 64, 65, 1_000, 50_000):
        for opening, closing in (
            ("[", "]"),
            ('{"a":', "}"),
            ('{"items":[', "]}"),
            ("[[{}],", "]"),
            ("[", "}"),
            ("[", ""),
        ):
            yield _nested(opening, "1", closing, depth)
    for name in ("total", "id", "to", "text", "at"):
        for number in (*NASTY_NUMBERS, *NOT_JSON_NUMBERS):
            yield f'{{"kind": "a", "{name}": {number}}}'.encode()
    for text in NASTY_TEXTS:
        yield json.dumps({"to": [{"phone": text}], "text": text, "title": text, "scenario": "incident"}).encode()
        yield json.dumps({"url": text, "at": text, "channel": text, "items": [{"name": text}]}).encode()
    for name in sorted(set(NAMES)):
        yield json.dumps({"to": [{"phone": "+41793026727"}], "scenario": "incident", "channels": {name: {}}}).encode()
    yield from (b"", b"\xef\xbb\xbf", b"null", b"[]", b'""', b"-", b"a" * 524_288, b"{}" + b" " * 524_287)
    yield from (b"a=%ff", b"a=%", b"=&=&", b"a&" * 1_001, b"payload={", b"payload=%7B%7D", b"a=" + b"%01" * 80_000)


content_types = st.sampled_from(
    [
        *["application/json"] * 8,
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        'application/json; charset="utf-8"',
        "text/plain",
        "multipart/form-data; boundary=a",
        "application/x-www-form-urlencoded; charset=\xff",
        ";;;=;charset",
        "",
    ]
)
header_bytes = st.binary(max_size=60)
near_misses = st.sampled_from(
    (
        *(
            b"v1=",
            b"v1,",
            b"v1a,",
            b"v0=",
            b"t=",
            b"sha256=",
            b"Basic ",
            b"Bearer ",
            b"Key ",
            b"whsec_",
            b"=",
            b",",
            b" ",
        ),
        *(b"AAAA", b"0" * 64, b"\xc3\xa9", b"\xb2", b"1772366400", b"-1", b"9" * 20, b"1e5", b"\xd9\xa1", b"OjA6"),
    )
)
header_values = st.one_of(header_bytes, st.lists(st.one_of(near_misses, header_bytes), max_size=5).map(b"".join))
HEADER_NAMES = (
    *("authorization", "cookie", "content-type", "content-encoding", "x-hub-signature-256", "x-hub-signature"),
    *("x-gitlab-token", "stripe-signature", "x-shopify-hmac-sha256", "x-slack-signature", "x-slack-request-timestamp"),
    *("x-pagerduty-signature", "x-twilio-signature", "x-grafana-alerting-signature", "x-grafana-alerting-timestamp"),
    *("webhook-id", "webhook-timestamp", "webhook-signature", "svix-id", "svix-timestamp", "svix-signature"),
    *("x-monitor", "x-billing-signature", "x-billing-timestamp", "x-billing-id", "x-github-event", "x-github-delivery"),
    *("x-forwarded-for", "x-amzn-trace-id", "transfer-encoding", "user-agent"),
)
header_names = st.one_of(st.sampled_from([name.encode() for name in HEADER_NAMES]), header_bytes.map(bytes.lower))
headers = st.lists(st.tuples(header_names, header_values), max_size=8)


@dataclass(frozen=True, slots=True)
class Altered:
    """A real event for a source of relay.yaml in which one part is replaced by something hostile."""

    source: str
    body: bytes
    content_type: str
    headers: list[tuple[bytes, bytes]]


def altered(name: str) -> st.SearchStrategy[Altered]:
    """Generates altered copies of a file of events/."""
    event = event_files.load(name)
    content_type = event["headers"].get("content-type", "application/json")
    is_form = content_type.startswith(FORM)
    original = dict(parse_qsl(body_of(event).decode())) if is_form else json.loads(body_of(event))
    described = [(key.encode(), value.encode()) for key, value in event["headers"].items()]

    @st.composite
    def draw_one(draw: st.DrawFn) -> Altered:
        value = mutated(draw, original)
        encoded = urlencode(value, errors="replace") if is_form and isinstance(value, dict) else json.dumps(value)
        return Altered(event["pathParameters"]["source"], encoded.encode(), content_type, described)

    return draw_one()


def mutated(draw: st.DrawFn, value: Any) -> Any:
    """Draws the value with one of its parts replaced, at any depth."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(value)))
        return value | {name: mutated(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], mutated(draw, value[at]), *value[at + 1 :]]
    return draw(st.one_of(values, floods))
