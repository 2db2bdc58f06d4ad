"""JSON Web Tokens of the configured issuer and audience are taken, and the known attacks on them are refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError

from relay.problems import NotAuthenticated, Unavailable
from relay.verification import parse
from relay.verification.inbound import InboundRequest
from tests.support import tokens
from tests.support.fakes import FakeKeySets
from tests.support.tokens import Sign, b64, es256, hs256, ps256, rs256, rsa_jwk, token
from tests.unit.verification.senders import NOW

KEY_SET = "https://www.googleapis.com/oauth2/v3/certs"
AT = int(NOW.timestamp())
VERIFY: dict[str, Any] = {
    "preset": "jwt",
    "key_set": KEY_SET,
    "issuer": ["https://accounts.google.com", "accounts.google.com"],
    "audience": "https://relay.example.com/webhooks/x",
    "claims": {"email": "push@project.example", "email_verified": True},
}
HEAD = {"alg": "RS256", "kid": "first", "typ": "JWT"}
CLAIMS: dict[str, Any] = {
    "iss": "https://accounts.google.com",
    "aud": "https://relay.example.com/webhooks/x",
    "email": "push@project.example",
    "email_verified": True,
    "iat": AT,
    "exp": AT + 3600,
}
KEYS = (rsa_jwk("first", use="sig", alg="RS256"), rsa_jwk("second"))


def request(value: str) -> InboundRequest:
    return InboundRequest("POST", "/webhooks/x", "", {"authorization": value}, b"{}", NOW)


def check(sent: str, verify: dict[str, Any] = VERIFY, keys: FakeKeySets | None = None) -> None:
    parse(verify).check(request(f"Bearer {sent}"), [], key_set=(keys or FakeKeySets(*KEYS)).keys)


def refusal(sent: str, verify: dict[str, Any] = VERIFY, keys: FakeKeySets | None = None) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        check(sent, verify, keys)
    assert sent not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value.detail


def claimed(sign: Sign | None = None, head: Any = HEAD, **changed: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    return token(head, claims, sign or rs256("first"))


def test_a_genuine_token_is_taken() -> None:
    check(claimed())
    check(claimed(iss="accounts.google.com", aud=["other", CLAIMS["aud"]]))
    check(claimed(rs256("second"), HEAD | {"kid": "second"}))


@pytest.mark.parametrize(
    ("algorithm", "sign", "key"),
    [
        ("PS256", ps256("first"), KEYS[1] | {"kid": "first", "n": KEYS[0]["n"]}),
        ("ES256", es256("first"), tokens.ec_jwk("first")),
        ("EdDSA", tokens.ed_key("first").sign, tokens.ed_jwk("first")),
    ],
)
def test_other_algorithms_are_taken_where_they_are_configured(algorithm: str, sign: Sign, key: dict[str, Any]) -> None:
    sent = claimed(sign, HEAD | {"alg": algorithm})
    check(sent, VERIFY | {"algorithms": [algorithm]}, FakeKeySets(key))
    assert refusal(sent, keys=FakeKeySets(key)) == "algorithm not configured"


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, 0, [], {}])
def test_attack_alg_none(name: Any) -> None:
    for signature in ("", "AA", b64(rs256("first")(b""))):
        unsigned = f"{b64(json.dumps(HEAD | {'alg': name}).encode())}.{b64(json.dumps(CLAIMS).encode())}.{signature}"
        assert refusal(unsigned) in ("malformed token", "algorithm not configured")


def test_attack_key_confusion() -> None:
    """Signs by HMAC with what everybody knows: the public key, in each of its spellings."""
    public = tokens.rsa_key("first").public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for key in (pem, pem.strip(), der, KEYS[0]["n"].encode(), json.dumps(KEYS[0]).encode(), b""):
        for algorithm in ("HS256", "HS384", "RS256"):
            reason = refusal(claimed(hs256(key), HEAD | {"alg": algorithm}))
            assert reason == ("wrong signature" if algorithm == "RS256" else "algorithm not configured")


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS1", "*"])
def test_no_hmac_and_no_none_can_be_configured(algorithm: str) -> None:
    with pytest.raises(ValidationError):
        parse(VERIFY | {"algorithms": [algorithm]})


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null", "' OR 1=1 --", "| /bin/sh", "https://evil.example/jwks.json", "first\x00", "FIRST", "",
        None, 0, True, [], ["first"], {"$ne": ""}, "x" * 4000, "\ud800",
    ],
)  # fmt: skip
def test_attack_kid_injection(kid: Any) -> None:
    keys = FakeKeySets(*KEYS)
    assert refusal(claimed(head=HEAD | {"kid": kid}), keys=keys) in ("unknown key", "no key named", "malformed token")
    assert {url for url, _ in keys.asked} <= {KEY_SET}


@pytest.mark.parametrize("named", ["jku", "x5u", "jwk", "x5c"])
def test_attack_key_of_the_attacker_s_own(named: str) -> None:
    keys = FakeKeySets(*KEYS)
    own: Any = {
        "jku": "https://evil.example/k",
        "x5u": "https://evil.example/c",
        "jwk": rsa_jwk("evil"),
        "x5c": ["MIIB"],
    }
    head = HEAD | {named: own[named]}
    assert refusal(claimed(rs256("evil"), head), keys=keys) == "wrong signature"
    assert refusal(claimed(rs256("evil"), head | {"kid": "evil"}), keys=keys) == "unknown key"
    assert {url for url, _ in keys.asked} == {KEY_SET}


def test_attack_signature_of_another_token() -> None:
    genuine, other = claimed().split("."), claimed(email="evil@project.example").split(".")
    assert refusal(".".join([*other[:2], genuine[2]])) == "wrong signature"
    assert refusal(claimed(rs256("second"))) == "wrong signature"
    assert refusal(claimed(lambda _: b"\x00")) == "wrong signature"
    assert refusal(claimed(lambda data: rs256("first")(data)[:-1])) == "wrong signature"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": AT - 61}, "stale timestamp"),
        ({"exp": AT - 10**6}, "stale timestamp"),
        ({"exp": None}, "malformed token"),
        ({"exp": "soon"}, "malformed time in the token"),
        ({"exp": True}, "malformed time in the token"),
        ({"exp": float("nan")}, "malformed time in the token"),
        ({"exp": float("inf")}, "malformed time in the token"),
        ({"exp": 10**400}, "malformed time in the token"),
        ({"exp": -(10**400)}, "malformed time in the token"),
        ({"nbf": AT + 61}, "timestamp in the future"),
        ({"iat": AT + 61}, "timestamp in the future"),
        ({"iat": [AT]}, "malformed time in the token"),
    ],
)
def test_attack_expired_or_of_no_time(changed: dict[str, Any], reason: str) -> None:
    assert refusal(claimed(**changed)) == reason


def test_clocks_may_differ_by_the_tolerance() -> None:
    check(claimed(exp=AT - 60))
    check(claimed(nbf=AT + 60, iat=AT + 60))
    assert refusal(claimed(exp=AT - 1), VERIFY | {"tolerance": 0}) == "stale timestamp"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aud": "https://relay.example.com/webhooks/y"}, "wrong audience"),
        ({"aud": []}, "wrong audience"),
        ({"aud": CLAIMS["aud"] + "/"}, "wrong audience"),
        ({"aud": None}, "malformed token"),
        ({"aud": {"x": CLAIMS["aud"]}}, "wrong audience"),
        ({"aud": [7, CLAIMS["aud"]]}, "wrong audience"),
        ({"iss": "https://accounts.google.com.evil.example"}, "wrong issuer"),
        ({"iss": None}, "malformed token"),
        ({"iss": ["https://accounts.google.com"]}, "wrong issuer"),
        ({"email": "evil@project.example"}, "wrong claim email"),
        ({"email": ["push@project.example"]}, "wrong claim email"),
        ({"email": None}, "wrong claim email"),
        ({"email_verified": False}, "wrong claim email_verified"),
        ({"email_verified": "true"}, "wrong claim email_verified"),
        ({"email_verified": 1}, "wrong claim email_verified"),
    ],
)
def test_attack_of_another_audience_issuer_or_claim(changed: dict[str, Any], reason: str) -> None:
    assert refusal(claimed(**changed)) in (reason, "malformed token")


def test_attack_huge_tokens() -> None:
    assert refusal(claimed(padding="x" * 8192)) == "malformed token"
    assert refusal("a" * 100_000) == "malformed token"
    deep = b"[" * 4000
    assert refusal(token(deep, CLAIMS, rs256("first"))) == "malformed token"
    assert refusal(token(HEAD, deep, rs256("first"))) == "malformed token"
    assert refusal(token(b'{"alg":"RS256","kid":"first","x":' + b"9" * 5000 + b"}", CLAIMS, rs256("first"))) == (
        "malformed token"
    )


@pytest.mark.parametrize("head", [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}])
def test_extensions_that_must_be_understood_are_not(head: dict[str, Any]) -> None:
    assert refusal(claimed(head=HEAD | head)) in ("algorithm not configured", "malformed token")


GARBAGE = (
    "",
    ".",
    "..",
    "a.b",
    "a.b.c.d",
    "e30.e30.e30",
    "a b.c.d",
    "é.é.é",
    "\udcff.a.b",
    f"{claimed()}\n",
    f" {claimed()}",
)


@pytest.mark.parametrize("sent", GARBAGE)
def test_what_is_no_token_is_malformed(sent: str) -> None:
    with pytest.raises(NotAuthenticated, match=r"malformed token|algorithm not configured"):
        check(sent)


@pytest.mark.parametrize("value", [claimed(), f"bearer {claimed()}", f"Basic {claimed()}", "Bearer", "Bearer "])
def test_the_token_stands_after_its_prefix(value: str) -> None:
    with pytest.raises(NotAuthenticated, match="malformed token"):
        parse(VERIFY).check(request(value), [], key_set=FakeKeySets(*KEYS).keys)


def test_claims_that_are_no_object_are_malformed() -> None:
    others: list[Any] = [[], "x", 7, None]
    for claims in others:
        assert refusal(token(HEAD, claims, rs256("first"))) == "malformed token"


def test_the_set_is_asked_for_again_only_where_the_key_is_new() -> None:
    keys = FakeKeySets(*KEYS)
    check(claimed(), keys=keys)
    assert keys.asked == [(KEY_SET, 3600)]
    refusal(claimed(head=HEAD | {"kid": "third"}), keys=keys)
    assert keys.asked[1:] == [(KEY_SET, 3600), (KEY_SET, 60)]


BROKEN_KEYS: list[Any] = [
    {}, {"kty": "RSA"}, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA", "n": "", "e": ""},
    {"kty": "RSA", "n": 7, "e": "AQAB"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": ["RSA"]}, rsa_jwk("first", use="enc"),
    {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, tokens.ec_jwk("first"),
]  # fmt: skip


@pytest.mark.parametrize("key", BROKEN_KEYS)
def test_a_key_of_another_kind_verifies_nothing(key: dict[str, Any]) -> None:
    refusal(claimed(), keys=FakeKeySets(key | {"kid": "first"}))
    refusal(claimed(hs256(b"secret"), HEAD | {"alg": "HS256"}), keys=FakeKeySets(key | {"kid": "first"}))


def test_keys_that_can_t_be_fetched_are_no_forgery() -> None:
    def down(_url: str, _max_age: float) -> Any:
        raise Unavailable("The sender's keys can't be fetched now; send it again.")

    with pytest.raises(Unavailable):
        parse(VERIFY).check(request(f"Bearer {claimed()}"), [], key_set=down)
    with pytest.raises(NotAuthenticated, match="no key named"):
        parse(VERIFY).check(request(f"Bearer {claimed()}"), [])


def test_a_recorded_request_verifies_at_its_own_time() -> None:
    later = replace(request(f"Bearer {claimed()}"), received_at=NOW.replace(year=2031))
    with pytest.raises(NotAuthenticated, match="stale timestamp"):
        parse(VERIFY).check(later, [], key_set=FakeKeySets(*KEYS).keys)


def test_the_header_is_redacted() -> None:
    assert "x-jwt" in parse(VERIFY | {"header": "X-JWT", "prefix": ""}).redacted


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"key_set": "http://www.example.com/k"}, "key_set"),
    ({"key_set": "https://user:pass@example.com/k"}, "key_set"),
    ({"key_set": "https://example.com"}, "key_set"),
    ({"issuer": ""}, "issuer"),
    ({"issuer": []}, "issuer"),
    ({"audience": ""}, "audience"),
    ({"algorithms": []}, "algorithms"),
    ({"tolerance": 601}, "tolerance"),
    ({"claims": {"a": [1]}}, "claims"),
]


@pytest.mark.parametrize(("changed", "field"), MISTAKES)
def test_a_mistake_names_the_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(VERIFY | changed)
    assert caught.value.errors()[0]["loc"][0] == field
