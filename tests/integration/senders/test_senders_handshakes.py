"""Each handshake over the running relay: answered as its sender documents it, and only to whom it demands."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox import event_files
from sandbox.stack.stack import Stack
from tests.support.senders import HANDSHAKES, every_source

KNOWN = every_source()
SECRETS = KNOWN.secrets["sources"]
OTHER_DIGITS = str.maketrans("123456789abcdef", "23456789abcdef1")


def post(stack: Stack, event: Mapping[str, Any]) -> event_files.Answer:
    return event_files.post(dict(event), urlsplit(stack.relay_url).port or 0)


def ask(stack: Stack, method: str, source: str, query: str = "", **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, f"{stack.relay_url}/webhooks/{source}?{query}", headers=named, timeout=10)


def forged(name: str) -> dict[str, Any]:
    """Returns the event with another signature or code."""
    event = event_files.fresh(name, KNOWN)
    signatures = {key for key in event["headers"] if key in ("x-zm-signature", "x-signature-ed25519")}
    other = {key: event["headers"][key].translate(OTHER_DIGITS) for key in signatures}
    return event | {"headers": event["headers"] | other, "rawQueryString": event["rawQueryString"] and "code=wrong"}


def test_zoom_gets_its_token_and_the_token_s_hmac(stack: Stack) -> None:
    answer = post(stack, event_files.fresh("zoom-url-validation", KNOWN))
    token = "qgg8vlvZRS6UYooatFL8Aw"
    mac = hmac.new(SECRETS["zoom"].encode(), token.encode(), hashlib.sha256).hexdigest()
    assert (answer.status, json.loads(answer.body)) == (200, {"plainToken": token, "encryptedToken": mac})


def test_discord_gets_204_without_a_body(stack: Stack) -> None:
    answer = post(stack, event_files.fresh("discord-ping", KNOWN))
    assert (answer.status, answer.body) == (204, b"")


def test_event_grid_gets_its_code(stack: Stack) -> None:
    answer = post(stack, event_files.fresh("event-grid-validation", KNOWN))
    code = "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
    assert (answer.status, json.loads(answer.body)) == (200, {"validationResponse": code})


@pytest.mark.parametrize("name", sorted(HANDSHAKES - {"slack-url-verification", "sns-subscription"}))
def test_a_forged_handshake_is_refused(stack: Stack, name: str) -> None:
    assert post(stack, forged(name)).status == 401


def test_event_grid_s_cloud_events_are_allowed_to_come(stack: Stack) -> None:
    origin = {"WebHook_Request_Origin": "eventgrid.azure.net", "WebHook_Request_Rate": "120"}
    answer = ask(stack, "OPTIONS", "event-grid", f"code={SECRETS['event-grid']}", **origin)
    assert (answer.status_code, answer.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")
    assert answer.headers["WebHook-Allowed-Rate"] == "*"
    refused = ask(stack, "OPTIONS", "event-grid", "code=wrong", **origin)
    assert (refused.status_code, "WebHook-Allowed-Origin" in refused.headers) == (401, False)


def test_meta_gets_its_challenge_for_the_right_token(stack: Stack) -> None:
    token = SECRETS["meta"][1].removeprefix("verify-token:")
    query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    answer = ask(stack, "GET", "meta", query + token)
    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer.headers["Content-Type"].startswith("text/plain")
    for wrong in ("", "wrong", SECRETS["meta"][0], SECRETS["meta"][1]):
        assert ask(stack, "GET", "meta", query + wrong).status_code == 401


def test_dropbox_gets_its_challenge_as_plain_text(stack: Stack) -> None:
    answer = ask(stack, "GET", "dropbox", "challenge=abc123")
    assert (answer.status_code, answer.content) == (200, b"abc123")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_okta_gets_its_challenge_for_the_right_secret(stack: Stack) -> None:
    challenge = {"X_Okta_Verification_Challenge": "Me_rShK8JHsTnbyYrWXCEoMGbM_zsZ6k0hLPZ_Pg"}
    answer = ask(stack, "GET", "okta", Authorization=SECRETS["okta"], **challenge)
    assert (answer.status_code, answer.json()) == (200, {"verification": "Me_rShK8JHsTnbyYrWXCEoMGbM_zsZ6k0hLPZ_Pg"})
    assert answer.headers["Content-Type"].startswith("application/json")
    assert ask(stack, "GET", "okta", Authorization="wrong", **challenge).status_code == 401
    assert ask(stack, "GET", "okta", **challenge).status_code == 401


def test_graph_gets_its_token_decoded_as_plain_text(stack: Stack) -> None:
    token = "Validation: Testing client application reachability for subscription Request-Id: 522a8e7e"
    query = "validationToken=" + token.replace(":", "%3A").replace(" ", "+")
    answer = ask(stack, "POST", "microsoft-graph", query, Content_Type="text/plain; charset=utf-8")
    assert (answer.status_code, answer.text) == (200, token)
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_sender_without_such_a_handshake_gets_405(stack: Stack, method: str) -> None:
    answer = ask(stack, method, "linear", "challenge=abc123&hub.mode=subscribe&hub.challenge=1")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
