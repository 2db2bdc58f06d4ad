"""Each sender's genuine requests are taken. Missing, malformed, cut, forged, altered and old ones are refused."""

from collections.abc import Mapping
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from relay.problems import NotAuthenticated
from relay.verification import parse
from relay.verification.inbound import InboundRequest
from relay.verification.signatures import SignatureScheme
from relay.verification.standard_webhooks import StandardWebhooksScheme
from tests.unit.verification.senders import (
    FORM_FIELDS,
    PUBLIC_URL,
    SENDERS,
    SIGNING,
    WINDOWED,
    Sender,
    later,
    proof_of,
    twilio_query,
    with_proof,
)

each = pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.name)
each_signing = pytest.mark.parametrize("sender", SIGNING, ids=lambda sender: sender.name)
each_windowed = pytest.mark.parametrize("sender", WINDOWED, ids=lambda sender: sender.name)


def check(sender: Sender, request: InboundRequest, *secrets: str) -> None:
    parse(sender.verify).check(request, secrets or (sender.secret,))


def refusal(sender: Sender, request: InboundRequest, *secrets: str) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        check(sender, request, *secrets)
    return caught.value.detail


def named(name: str) -> Sender:
    return next(sender for sender in SENDERS if sender.name == name)


def with_headers(sender: Sender, changes: Mapping[str, Any]) -> InboundRequest:
    """Makes a genuine request and replaces these headers; None removes one."""
    headers = {**sender.request().headers, **changes}
    return sender.request(headers={name: value for name, value in headers.items() if value is not None})


@each
def test_a_genuine_request_is_taken(sender: Sender) -> None:
    check(sender, sender.request())


@each
def test_each_missing_proof_is_named(sender: Sender) -> None:
    for place in sender.proof:
        missing = f"missing {place.replace(':', ' ')}" if ":" in place else f"missing header {place}"
        assert refusal(sender, with_proof(sender.request(), place, None)) == missing
        assert refusal(sender, with_proof(sender.request(), place, "")) == missing


GARBAGE = (
    "x",
    " ",
    ",",
    "=",
    "v1",
    "v1=",
    "v1,",
    "v0=zz",
    "sha256=",
    "sha256=é",
    "t=,v1=",
    "Basic",
    "Basic =",
    "Bearer",
)
STRANGE = ("é" * 64, "\udcff" * 64, "\x00" * 64, "٣" * 64, "0x" * 32, " " * 64, "=" * 88, "A" * 9000, "v1,v1,v1 v1a, ,")


@each
@pytest.mark.parametrize("value", GARBAGE + STRANGE)
def test_a_malformed_proof_is_refused(sender: Sender, value: str) -> None:
    for place in sender.proof:
        refusal(sender, with_proof(sender.request(), place, value))


@each
def test_a_truncated_proof_is_refused(sender: Sender) -> None:
    request = sender.request()
    whole = proof_of(request, sender.proof[0])
    for length in range(len(whole)):
        refusal(sender, with_proof(request, sender.proof[0], whole[:length]))


@each
def test_a_proof_with_something_after_it_is_refused(sender: Sender) -> None:
    request = sender.request()
    refusal(sender, with_proof(request, sender.proof[0], proof_of(request, sender.proof[0]) + "0"))


UNPREFIXED = ("github", "standard-webhooks", "slack", "pagerduty", "hmac")


@pytest.mark.parametrize("name", UNPREFIXED)
def test_a_signature_without_its_version_is_malformed(name: str) -> None:
    sender = named(name)
    scheme = parse(sender.verify).scheme
    row = scheme.symmetric if isinstance(scheme, StandardWebhooksScheme) else scheme
    assert isinstance(row, SignatureScheme)
    value = sender.request().headers[row.header]
    assert refusal(sender, with_headers(sender, {row.header: value.replace(row.prefix, "")})) == "malformed signature"


def test_an_api_key_without_its_prefix_is_malformed() -> None:
    sender = named("api-key")
    reason = refusal(sender, with_headers(sender, {"x-monitor-key": sender.secret}))
    assert reason == "malformed header x-monitor-key"


@pytest.mark.parametrize("length", [0, 2, 62, 66, 128])
def test_a_digest_of_another_length_is_malformed(length: int) -> None:
    sender = named("github")
    value = f"sha256={'0' * length}"
    assert refusal(sender, with_headers(sender, {"x-hub-signature-256": value})) == "malformed signature"


def test_base64_has_one_right_spelling() -> None:
    """The last letter's two lowest bits are unused, so three other letters would decode to the same digest."""
    sender = named("shopify")
    value = sender.request().headers["x-shopify-hmac-sha256"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stray = alphabet[alphabet.index(value[-2]) + 1]
    for spelling in (f"{value[:-2]}{stray}=", value.rstrip("="), f"{value}=", f" {value}", f"{value}\n"):
        reason = refusal(sender, with_headers(sender, {"x-shopify-hmac-sha256": spelling}))
        assert reason == "malformed signature"


@each
def test_another_key_is_refused(sender: Sender) -> None:
    assert refusal(sender, sender.request(secret=sender.other_secret)) == sender.wrong


@each_signing
def test_an_altered_body_is_refused(sender: Sender) -> None:
    expected = "body does not match bodySHA256" if sender.name == "twilio-json" else "wrong signature"
    body = sender.request().body
    for altered in (body[:-1] + b"?", body + b"&a=b", body.replace(b"1", b"2")):
        assert refusal(sender, sender.request(body=altered)) == expected


@each_signing
def test_an_emptied_body_is_refused(sender: Sender) -> None:
    refusal(sender, sender.request(body=b""))


@each_signing
def test_the_signature_holds_over_bytes_that_are_no_text(sender: Sender) -> None:
    refusal(sender, sender.request(body=b"\xff\xfe\x00" + sender.body))


@each_windowed
def test_the_window_is_kept_to_the_second(sender: Sender) -> None:
    assert sender.window
    past, future = sender.window
    check(sender, sender.request(signed_at=later(-past)))
    check(sender, sender.request(signed_at=later(future)))
    assert refusal(sender, sender.request(signed_at=later(-past - 1))) == "stale timestamp"
    assert refusal(sender, sender.request(signed_at=later(future + 1))) == "timestamp in the future"


@each_windowed
def test_a_renewed_timestamp_breaks_the_signature(sender: Sender) -> None:
    old = sender.request(signed_at=later(-4000))
    stale, fresh = (later(seconds) for seconds in (-4000, 0))
    spellings = [
        (str(int(stale.timestamp())), str(int(fresh.timestamp()))),
        (stale.isoformat()[:19], fresh.isoformat()[:19]),
    ]
    headers, body = dict(old.headers), old.body
    for before, after in spellings:
        headers = {name: value.replace(before, after) for name, value in headers.items()}
        body = body.replace(before.encode(), after.encode())
    assert refusal(sender, sender.request(headers=headers, body=body)) == "wrong signature"


NO_TIMES = ("", " 1772366400", "1772366400 ", "+1772366400", "-1", "1_772_366_400", "1772366400.0", "1e9", "١٧٧٢٣٦٦٤٠٠")
HUGE_TIMES = ("9" * 13, "9" * 5000, "nan", "inf", "0x1", "1772366400\n")


@each_windowed
@pytest.mark.parametrize("value", NO_TIMES + HUGE_TIMES)
def test_only_plain_digits_are_a_time(sender: Sender, value: str) -> None:
    if sender.stamp:  # the time is in the signature's header
        request = with_proof(sender.request(), sender.proof[0], sender.stamp.format(value))
        assert refusal(sender, request) == "malformed timestamp"
    elif len(sender.proof) > 1:
        reason = refusal(sender, with_proof(sender.request(), sender.proof[1], value))
        missing = (
            f"missing {sender.proof[1].replace(':', ' ')}"
            if ":" in sender.proof[1]
            else f"missing header {sender.proof[1]}"
        )
        assert reason in ("malformed timestamp", missing) or (reason == "timestamp in the future" and len(value) == 13)


@each
def test_without_a_secret_everything_is_refused(sender: Sender) -> None:
    for secrets in ((), ("",), ("", "  ")):
        with pytest.raises(NotAuthenticated) as caught:
            parse(sender.verify).check(sender.request(), secrets)
        assert caught.value.detail == "no secret configured"


@each
def test_while_rotating_both_secrets_are_good_and_afterwards_only_the_new_one(sender: Sender) -> None:
    old, new = sender.request(), sender.request(secret=sender.other_secret)
    for secrets in ((sender.secret, sender.other_secret), (sender.other_secret, sender.secret)):
        check(sender, old, *secrets)
        check(sender, new, *secrets)
    check(sender, new, sender.other_secret)
    assert refusal(sender, old, sender.other_secret) == sender.wrong


@each
def test_a_secret_that_is_no_key_does_no_harm(sender: Sender) -> None:
    check(sender, sender.request(), "whsec_%%%", "whpk_AAAA", "é\udcff", sender.secret)
    refusal(sender, sender.request(), "whsec_%%%", "whpk_AAAA", "whsec_", "é\udcff", "whpk_" + "A" * 43)


@each
def test_a_refusal_repeats_nothing_of_the_request_or_the_secret(sender: Sender) -> None:
    proof = proof_of(sender.request(), sender.proof[0])
    with pytest.raises(NotAuthenticated) as caught:
        check(sender, sender.request(body=b"", secret=sender.other_secret), sender.secret)
    shown = f"{caught.value!r} {caught.value}"
    assert proof not in shown
    assert sender.secret not in shown
    assert caught.value.__cause__ is None


@each
def test_the_proof_is_named_among_the_headers_to_redact(sender: Sender) -> None:
    redacted = parse(sender.verify).redacted
    assert ":" in sender.proof[0] or sender.proof[0] in redacted
    assert "authorization" in redacted


def test_github_s_sha1_signature_proves_nothing() -> None:
    sender = named("github")
    headers = {name: value for name, value in sender.request().headers.items() if name != "x-hub-signature-256"}
    assert refusal(sender, sender.request(headers=headers)) == "missing header x-hub-signature-256"
    assert "x-hub-signature" in parse("github").redacted


@pytest.mark.parametrize("name", ["standard-webhooks", "svix", "ed25519"])
def test_any_of_several_signatures_may_match(name: str) -> None:
    sender = named(name)
    good = sender.request().headers[sender.proof[0]]
    stranger = sender.request(secret=sender.other_secret).headers[sender.proof[0]]
    for value in (f"{stranger} {good}", f"{good} {stranger}", f"v2,abc {good}", f"v1,AAAA {good}", f"nonsense {good}"):
        check(sender, with_headers(sender, {sender.proof[0]: value}))


def test_a_secret_of_one_kind_does_not_take_a_signature_of_the_other() -> None:
    symmetric, asymmetric = named("standard-webhooks"), named("ed25519")
    assert refusal(symmetric, asymmetric.request(), symmetric.secret) == "no signature of a configured kind"
    assert refusal(symmetric, symmetric.request(), asymmetric.secret) == "no signature of a configured kind"
    check(symmetric, symmetric.request(), symmetric.secret, asymmetric.secret)
    check(symmetric, asymmetric.request(), symmetric.secret, asymmetric.secret)


def test_a_public_key_is_never_an_hmac_key() -> None:
    """Everybody knows the public key and could sign with it."""
    sender = named("ed25519")
    forged = named("standard-webhooks").signer(sender.body, sender.secret.replace("whpk_", "whsec_"), later(0))
    refusal(sender, sender.request(headers=forged), sender.secret)


def test_a_whsec_secret_may_lack_its_padding_or_its_prefix() -> None:
    sender = named("standard-webhooks")
    check(sender, sender.request(), sender.secret.rstrip("="))
    check(sender, sender.request(), sender.secret.removeprefix("whsec_"))


def test_stripe_s_v0_signature_is_ignored() -> None:
    sender = named("stripe")
    header = sender.request().headers["stripe-signature"]
    assert refusal(sender, with_headers(sender, {"stripe-signature": header.replace("v1=", "v0=")})) == (
        "malformed signature"
    )
    check(sender, with_headers(sender, {"stripe-signature": f"{header},v0={'0' * 64},v1={'0' * 64}"}))


def test_stripe_s_header_names_one_time_only() -> None:
    sender = named("stripe")
    header = sender.request().headers["stripe-signature"]
    assert refusal(sender, with_headers(sender, {"stripe-signature": f"t=1,{header}"})) == "malformed timestamp"


LISTS = [
    ("stripe", "stripe", ","),
    ("pagerduty", "pagerduty", ","),
    ("standard-webhooks", "standard-webhooks", " "),
    ("svix", "svix", " "),
    ("github", {"preset": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256=", "separator": ";"}, ";"),
]


@pytest.mark.parametrize(("name", "verify", "separator"), LISTS, ids=[name for name, *_ in LISTS])
@pytest.mark.parametrize("blanks", [" ", "\t", "  \t "])
def test_blanks_after_a_separator_do_not_count(
    name: str, verify: str | Mapping[str, Any], separator: str, blanks: str
) -> None:
    sender = named(name)
    value = sender.request().headers[sender.proof[0]]
    listed = value if separator in value else f"v9=other{separator}{value}"
    spaced = listed.replace(separator, separator + blanks)
    parse(verify).check(with_headers(sender, {sender.proof[0]: spaced}), [sender.secret])


def test_shopify_s_events_are_signed_in_a_header_without_x() -> None:
    sender = named("shopify")
    signature = sender.request().headers["x-shopify-hmac-sha256"]
    renamed = {"x-shopify-hmac-sha256": None, "shopify-hmac-sha256": signature}
    check(sender, with_headers(sender, renamed))
    check(sender, with_headers(sender, {"shopify-hmac-sha256": signature}))  # Shopify sends both names for now
    forged = sender.request(secret=sender.other_secret).headers["x-shopify-hmac-sha256"]
    assert refusal(sender, with_headers(sender, {**renamed, "shopify-hmac-sha256": forged})) == "wrong signature"
    assert "shopify-hmac-sha256" in parse("shopify").redacted


def test_hex_in_capitals_is_the_same_signature() -> None:
    sender = named("grafana")
    value = sender.request().headers[sender.proof[0]]
    check(sender, with_headers(sender, {sender.proof[0]: value.upper()}))


def test_grafana_without_its_timestamp_header_is_refused_where_one_is_configured() -> None:
    stamped, plain = named("grafana-stamped"), named("grafana")
    assert refusal(stamped, plain.request()) == "missing header x-grafana-time"


def test_a_stamped_body_can_t_pass_for_an_unstamped_one() -> None:
    stamped = named("grafana-stamped")
    headers = {name: value for name, value in stamped.request().headers.items() if name != "x-grafana-time"}
    refusal(stamped, stamped.request(headers=headers, body=b"1772366400:" + stamped.body))


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_s_name_may_be_in_any_case(scheme: str) -> None:
    sender = named("bearer")
    check(sender, with_headers(sender, {"authorization": f"{scheme} {sender.secret}"}))


@pytest.mark.parametrize("name", ["bearer", "basic", "alertmanager-bearer", "alertmanager-basic"])
def test_another_authorization_scheme_is_refused(name: str) -> None:
    sender = named(name)
    other = named("bearer" if name.endswith("basic") else "basic")
    expected = "authorization of another scheme than the configured one"
    assert refusal(sender, other.request(), sender.secret) == expected
    assert refusal(sender, with_headers(sender, {"authorization": f"Digest {sender.secret}"})) == expected


def test_alertmanager_takes_a_token_with_a_colon_when_told_that_it_is_one() -> None:
    sender = named("alertmanager-bearer")
    request = sender.request(secret="to:ken")
    assert refusal(sender, request, "to:ken").startswith("authorization of another scheme")
    parse({"preset": "alertmanager", "auth": "bearer"}).check(request, ["to:ken"])


@pytest.mark.parametrize("given", ["me", "me:", ":a:b", "me:a", "me:a:b:", "me:a:b\n", "m:e:a:b", "ME:a:b"])
def test_user_and_password_count_whole(given: str) -> None:
    sender = named("basic")
    reason = refusal(sender, sender.request(secret=given))
    assert reason == ("wrong credentials" if ":" in given else "malformed credentials")


def test_twilio_s_json_needs_its_digest_in_the_address() -> None:
    sender = named("twilio-json")
    assert refusal(sender, sender.request(query="")) == "missing bodySHA256"
    assert refusal(sender, sender.request(query="bodySHA256=zz")) == "malformed bodySHA256"
    assert refusal(sender, sender.request(query=f"{sender.query}&{sender.query}")) == "malformed bodySHA256"
    other = b'{"MessageStatus": "failed"}'
    assert refusal(sender, sender.request(query=twilio_query(other), body=other)) == "wrong signature"


def test_twilio_signs_the_configured_address_whatever_host_is_named() -> None:
    sender = named("twilio-form")
    check(sender, with_headers(sender, {"host": "evil.example.com", "x-forwarded-host": "evil.example.com"}))
    elsewhere = parse({"preset": "twilio", "public_url": "https://relay.example.com/webhooks/other"})
    with pytest.raises(NotAuthenticated, match="wrong signature"):
        elsewhere.check(sender.request(), [sender.secret])


ADDRESSES = [
    ("https://relay.example.com/x", "https://relay.example.com:443/x"),
    ("https://relay.example.com:443/x", "https://relay.example.com/x"),
    ("https://relay.example.com:8443/x", "https://relay.example.com/x"),
    ("http://relay.example.com", "http://relay.example.com:80"),
    ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
    ("https://[2001:db8::1]:443/x", "https://[2001:db8::1]/x"),
]


@pytest.mark.parametrize(("configured", "signed"), ADDRESSES)
def test_twilio_signs_its_address_with_or_without_the_port(configured: str, signed: str) -> None:
    """Twilio's own library tries both, because Twilio isn't consistent."""
    sender = named("twilio-form")
    verification = parse({"preset": "twilio", "public_url": configured})
    for address in (configured, signed):
        signature = RequestValidator(sender.secret).compute_signature(address, FORM_FIELDS)
        verification.check(with_headers(sender, {"x-twilio-signature": signature}), [sender.secret])


def test_twilio_s_signature_over_another_port_is_refused() -> None:
    sender = named("twilio-form")
    signature = RequestValidator(sender.secret).compute_signature(PUBLIC_URL.replace(".com", ".com:8443"), FORM_FIELDS)
    assert refusal(sender, with_headers(sender, {"x-twilio-signature": signature})) == "wrong signature"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("key=k,algorithm=HMAC_SHA512", "unknown signature algorithm"),
        ("algorithm=", "malformed signature"),  # it means HMAC_SHA1, whose digest is shorter
        ("key=k", "malformed signature"),
        ("", "malformed signature"),
        ("key=k,algorithm=HMAC_SHA1", "malformed signature"),
        ("algorithm=\udcff", "unknown signature algorithm"),
    ],
)
def test_twilio_s_algorithm_is_the_one_that_its_header_names(value: str, reason: str) -> None:
    sender = named("twilio-form-by-shared-key")
    assert refusal(sender, with_headers(sender, {"x-twilio-webhooks-signature-settings": value})) == reason


def test_twilio_s_algorithm_may_follow_a_blank_and_be_in_any_case() -> None:
    sender = named("twilio-form-by-shared-key")
    settings = {"x-twilio-webhooks-signature-settings": "key=k, algorithm=hmac_sha256"}
    check(sender, with_headers(sender, settings))


def test_twilio_s_query_is_part_of_what_is_signed() -> None:
    sender = named("twilio-form")
    assert refusal(sender, sender.request(query="a=b")) == "wrong signature"


@pytest.mark.parametrize(
    ("body", "reason"), [(b"a=%ff", "malformed form"), (b"\xff=1", "malformed form"), (b"a&" * 2000, "malformed form")]
)
def test_twilio_s_form_must_be_readable(body: bytes, reason: str) -> None:
    sender = named("twilio-form")
    assert refusal(sender, sender.request(body=body)) == reason
