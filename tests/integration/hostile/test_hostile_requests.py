"""Any bytes in headers and body, signed or not, get an answer that docs/openapi.yaml lists, soon and with no exception.

Here the handler runs in this process, with AWS and OMNI in memory. test_hostile_sockets.py uses real sockets.
"""

import json
import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from relay.verification import PRESETS, parse
from sandbox.signing import sign
from tests.support import hostility
from tests.support.adversary import Adversary, Pairs
from tests.support.hostility import LEAST, WEBHOOKS
from tests.support.inprocess import Answer, Relay

pytestmark = pytest.mark.no_cover  # tracing would stretch the processor time that these tests bound
EXAMPLES = {"unsigned": 90, "signed": 80, "altered": 60, "names": 250, "handshakes": 20}

Check = Callable[[Answer], None]
SECONDS_A_MESSAGE = 0.004


def hostile(examples: float) -> Callable[[Any], Any]:
    return settings(
        max_examples=math.ceil(examples),
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )


@pytest.fixture
def checked(inprocess: Relay, contract: Any, tally: Counter[int]) -> Check:
    """Checks an answer against the contract, and counts its status."""

    def check(answer: Answer) -> None:
        tally[answer.status] += 1
        assert contract.faults(answer.status, answer.headers, answer.text) == []
        assert answer.status < 500
        # Each message has a log line that is cleaned. A busy machine makes 500 of them take more than a second.
        assert answer.seconds < 1 + SECONDS_A_MESSAGE * answer.text.count('"messageId"')

    return check


def nothing_raised(relay: Relay) -> None:
    """Checks that no exception was logged, then empties the relay for the next example."""
    errors = [line for line in relay.lines() if "exception" in line or line.get("message") == "webhook_failed"]
    assert errors == []
    relay.forget()


def sources(relay: Relay) -> list[str]:
    return list(relay.config["sources"])


def targets(relay: Relay) -> list[str]:
    """Returns the sources whose requests can be signed, without the examples, whose routes read less of a body."""
    return [name for name in sources(relay) if name != "without-secret" and not name.startswith("example-")]


def post_signed(relay: Relay, source: str, body: bytes, content_type: str, extra: Pairs) -> Answer:
    """Posts the body signed, or unsigned if the scheme can't sign it, so that each run sends the same number."""
    sent = Adversary(relay.config, relay.secrets).signed(source, body, content_type, extra)
    if sent is None:
        return relay.post(source, body, [(b"content-type", content_type.encode("latin-1")), *extra])
    return relay.post(source, sent.body, sent.headers, sent.query)


def test_a_run_sends_twenty_thousand_requests() -> None:
    assert sum(LEAST.values()) >= 20_000


def test_every_preset_is_a_target(inprocess: Relay) -> None:
    adversary = Adversary(inprocess.config, inprocess.secrets)
    assert {adversary.preset(source) for source in targets(inprocess)} == set(PRESETS)


# The least bodies of senders that put their proof into the body.
PROVEN_WITHIN = {
    "mailgun": b'{"signature": {"token": "t"}}',
    "microsoft-graph": b'{"value": [{}]}',
    "adyen": b'{"notificationItems": [{"NotificationRequestItem": {"additionalData": {}}}]}',
}


def test_each_target_believes_what_is_signed_for_it(inprocess: Relay) -> None:
    """Otherwise a run would stop at the signature, and none of its bodies would reach the code behind it."""
    answers = {
        source: post_signed(inprocess, source, PROVEN_WITHIN.get(source, b"{}"), "application/json", [])
        for source in targets(inprocess)
    }
    assert [source for source, answer in answers.items() if answer.status == 401] == []


def test_any_bytes_in_any_header_and_body_are_answered(
    inprocess: Relay, checked: Check, tally: Counter[int], share: float
) -> None:
    @hostile(EXAMPLES["unsigned"] * share)
    @given(
        hostility.headers,
        st.one_of(hostility.form_bodies, hostility.objects.map(json.dumps).map(str.encode), st.binary(max_size=100)),
    )
    def run(headers: Pairs, body: bytes) -> None:
        for source in sources(inprocess):
            checked(inprocess.post(source, body, headers))
        nothing_raised(inprocess)

    run()
    assert tally.total() >= LEAST["unsigned"] * share
    assert not set(tally) & {200, 202}, "an unsigned request was accepted"


def test_hostile_bodies_under_a_valid_signature_are_answered(
    inprocess: Relay, checked: Check, tally: Counter[int], share: float
) -> None:
    """The signature lets the bodies reach decoding, schemas, routes, templates, recipients and the API's models."""

    @hostile(EXAMPLES["signed"] * share)
    @given(
        st.one_of(hostility.json_bodies, hostility.json_bodies, hostility.form_bodies, hostility.broken_bodies),
        hostility.content_types,
        hostility.headers,
    )
    def run(body: bytes, content_type: str, headers: Pairs) -> None:
        for source in targets(inprocess):
            checked(post_signed(inprocess, source, body, content_type, headers))
        nothing_raised(inprocess)

    run()
    assert tally.total() >= LEAST["signed"] * share
    assert share < 1 or {200, 202, 400, 422} <= set(tally), "the bodies don't reach every stage"


def test_the_formats_limits_and_traps_under_a_valid_signature_are_answered(
    inprocess: Relay, checked: Check, tally: Counter[int], share: float
) -> None:
    """Sends each body to every other source, in turns, because neighbours decode and route alike.

    With a smaller share, each body goes to fewer sources.
    """
    step = round(2 / share)
    for turn, body in enumerate(hostility.edges()):
        for source in targets(inprocess)[turn % step :: step]:
            checked(post_signed(inprocess, source, body, "application/json", []))
        for source in ("hmac", "standard-webhooks"):
            checked(post_signed(inprocess, source, body, "application/x-www-form-urlencoded", []))
        nothing_raised(inprocess)
    assert tally.total() >= LEAST["edges"] * share


@pytest.mark.parametrize("name", WEBHOOKS)
def test_real_events_with_a_hostile_part_are_answered(
    name: str, inprocess: Relay, checked: Check, tally: Counter[int], share: float
) -> None:
    @hostile(EXAMPLES["altered"] * share)
    @given(hostility.altered(name))
    def run(event: hostility.Altered) -> None:
        example = f"example-{event.source}"
        preset = Adversary(inprocess.config, inprocess.secrets).preset(example)
        for source in (example, preset):
            checked(post_signed(inprocess, source, event.body, event.content_type, event.headers))
        nothing_raised(inprocess)

    run()
    assert tally.total() >= LEAST["altered"] * share / len(WEBHOOKS)


def test_any_name_of_a_source_is_answered(inprocess: Relay, checked: Check, tally: Counter[int], share: float) -> None:
    near_misses = st.sampled_from(
        ["github", "schedule", "sources", "-", "a" * 64, "GITHUB", "github\n", "../github", "*", "%"]
    )

    known = set(sources(inprocess))

    @hostile(EXAMPLES["names"] * share)
    @given(
        st.one_of(near_misses, hostility.any_text), st.sampled_from(["", "/", "\n", "/settings", "\x00", ",", "%2f"])
    )
    def run(name: str, ending: str) -> None:
        for path in (name, name + ending):
            answer = inprocess.post(path, b"{}")
            checked(answer)
            assert answer.status == (401 if path in known else 404)
        nothing_raised(inprocess)

    run()
    assert tally.total() >= LEAST["names"] * share


PARAMETERS = ("challenge", "mode", "token", "hub.challenge", "validationToken", "code")


def test_any_get_and_options_are_answered(inprocess: Relay, contract: Any, tally: Counter[int], share: float) -> None:
    """A value is echoed within its bounds only, never as a page, and never to a source that has no such handshake."""
    values = st.one_of(
        hostility.any_text,
        st.sampled_from([*hostility.NASTY_TEXTS, "subscribe", "planted-verify-token", "planted-set-up-secret"]),
    )
    queries = st.one_of(
        st.lists(st.tuples(st.sampled_from(PARAMETERS), values), max_size=4).map(
            lambda pairs: urlencode(pairs, errors="surrogatepass")
        ),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100),
    )
    verify = {source: inprocess.config["sources"][source]["verify"] for source in sources(inprocess)}
    methods = {source: {one.method for one in parse(described).handshakes} for source, described in verify.items()}
    named = st.tuples(st.sampled_from([b"x-challenge", b"webhook-request-origin"]), st.binary(max_size=40))
    sent = st.lists(st.one_of(named, named), max_size=2)

    @hostile(EXAMPLES["handshakes"] * share)
    @given(st.sampled_from(["GET", "OPTIONS"]), queries, sent, hostility.headers)
    def run(method: str, query: str, named: Pairs, headers: Pairs) -> None:
        for source in sources(inprocess):
            answer = inprocess.post(source, b"", [*named, *headers], query, method)
            tally[answer.status] += 1
            assert contract.faults(answer.status, answer.headers, answer.text, method.lower()) == []
            takes = method in methods[source]
            assert answer.status in ({200, 400, 401, 431} if takes else {405, 431})
            assert len(answer.text) < 1_200
            assert answer.status != 200 or answer.text.isascii()
        nothing_raised(inprocess)

    run()
    assert tally.total() >= LEAST["handshakes"] * share
    assert share < 1 or {200, 400, 405} <= set(tally)


def test_an_unknown_source_s_get_costs_no_call(inprocess: Relay) -> None:
    inprocess.post("github", b"")
    calls = inprocess.ssm.calls
    for name in ("nobody", "nothing", "x" * 70, "a/b"):
        assert [inprocess.post(name, b"", method=method).status for method in ("GET", "OPTIONS")] == [404, 404]
    assert inprocess.ssm.calls == calls


def test_a_handshake_is_answered_through_the_handler(inprocess: Relay) -> None:
    good = inprocess.post(
        "set-up", b"", query="mode=subscribe&token=planted-verify-token&challenge=12%3C3", method="GET"
    )
    assert (good.status, good.text) == (200, "12<3")
    assert good.headers["content-type"] == "text/plain; charset=utf-8"
    assert good.headers["x-content-type-options"] == "nosniff"
    line = next(line for line in inprocess.lines() if line.get("message") == "event_received")
    assert (line["outcome"], line["reason"], line["source"]) == ("ignored", "handshake", "set-up")
    assert "12<3" not in inprocess.output.getvalue()
    bad = inprocess.post("set-up", b"", query="mode=subscribe&token=planted-set-up-secret&challenge=1", method="GET")
    assert bad.status == 401
    refused = inprocess.post("github", b"", method="GET")
    assert (refused.status, refused.headers["allow"]) == (405, "POST")
    allowed = inprocess.post("set-up", b"", {"webhook-request-origin": "eventgrid.azure.net"}, method="OPTIONS")
    assert (allowed.status, allowed.text, allowed.headers["webhook-allowed-origin"]) == (200, "", "eventgrid.azure.net")
    assert "planted-verify-token" not in inprocess.output.getvalue()


def test_a_source_without_a_secret_refuses_everything(inprocess: Relay, checked: Check) -> None:
    body = b'{"to": [{"phone": "+41 79 302 67 27"}], "text": "x"}'
    for secret in ("", " ", "None", "null", "[]"):
        proof = sign("github", "github", secret or "x", body, event_id="e", now=datetime.now(UTC))
        answer = inprocess.post("without-secret", body, proof)
        checked(answer)
        assert (answer.status, answer.json()["detail"]) == (401, "no secret configured")
