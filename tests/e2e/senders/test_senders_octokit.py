"""GitHub's own payloads, signed by GitHub's own library: each one verifies and is routed or ignored."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.configure.sources import Source, parse_source
from relay.deliver.routing import route
from relay.model.events import Event
from relay.problems import NotAuthenticated
from relay.verification import parse
from relay.verification.decoding import decode
from relay.verification.inbound import InboundRequest

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[3]
NODE = PROJECT / "tests" / "node"
SECRET = "a fake secret: Grüezi"
OTHER = "another fake secret"


@dataclass(frozen=True)
class Delivery:
    name: str
    request: InboundRequest


@pytest.fixture(scope="session")
def deliveries() -> list[Delivery]:
    install = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(install, cwd=NODE, check=True, capture_output=True, timeout=300)
    signed = subprocess.run(
        ["node", "sign.mjs", SECRET], cwd=NODE, check=True, capture_output=True, text=True, timeout=60
    )
    return [delivery(json.loads(line)) for line in signed.stdout.splitlines()]


def delivery(signed: Mapping[str, str]) -> Delivery:
    headers = {
        "content-type": "application/json",
        "x-github-event": signed["name"],
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": signed["signature"],
    }
    body = signed["body"].encode()
    return Delivery(signed["name"], InboundRequest("POST", "/webhooks/github", "", headers, body, datetime.now(UTC)))


@pytest.fixture(scope="session")
def github() -> Source:
    """Gives the example's routes, and one more that takes every event."""
    settings = yaml.safe_load((PROJECT / "relay.yaml").read_text())["sources"]["github"]
    everything: dict[str, Any] = {
        "scenario": "incident",
        "to": [{"phone": "+41793026727"}],
        "text": "{{ headers['x-github-event'] }} {{ body.action | default('') }} {{ body.sender.login | default('') }}",
    }
    return parse_source("github", {"verify": "github"}, settings["routes"] | {"everything": everything}, (SECRET,))


def test_each_delivery_verifies_and_an_altered_one_does_not(deliveries: list[Delivery]) -> None:
    verification = parse("github")
    for each in deliveries:
        verification.check(each.request, [OTHER, SECRET])
        with pytest.raises(NotAuthenticated, match="wrong signature"):
            verification.check(each.request, [OTHER])


def test_each_of_many_event_types_is_routed_and_none_fails(deliveries: list[Delivery], github: Source) -> None:
    assert len({each.name for each in deliveries}) >= 40
    routed = set()
    for each in deliveries:
        body = decode(each.request.body, "application/json", expects=github.verification.body_format)
        event = Event(
            source="github",
            id="e",
            headers=dict(each.request.headers),
            body=body,
            received_at=each.request.received_at,
        )
        verdicts = route(event, github, limit=100, installation="test", scenario_key=lambda _name: "key")
        assert not [verdict for verdict in verdicts if verdict.misrouted], each.name
        routed |= {verdict.route for verdict in verdicts if verdict.notifications}
    assert {"everything", "release"} <= routed
