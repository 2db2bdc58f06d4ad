"""Fixtures of the hostile tests: a relay in this process, the published contract, and a count of the requests."""

import json
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from relay.verification import PRESETS
from sandbox.stack.settings import PROJECT
from tests.support.inprocess import Relay, relay
from tests.support.senders import every_source


def _yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


HERE = Path(__file__).parent
SECRETS: dict[str, Any] = {
    "github": "planted-github-secret",
    "gitlab": "planted-gitlab-token",
    "stripe": "whsec_planted-stripe-secret",
    "shopify": "planted-shopify-secret",
    "slack": "planted-slack-secret",
    "pagerduty": "planted-pagerduty-secret",
    "twilio": "planted-twilio-token",
    "grafana": "planted-grafana-secret",
    "alertmanager": "planted-user:planted-alertmanager-password",
    "standard-webhooks": "whsec_cGxhbnRlZC1zdGFuZGFyZC13ZWJob29rcw==",
    "svix": "whsec_cGxhbnRlZC1zdml4LXNlY3JldA==",
    "bearer": "planted-bearer-token",
    "basic": "planted-basic:planted-basic-password",
    "api-key": "planted-monitor-key",
    "hmac": "planted-billing-secret",
    "strict": "planted-strict-token",
    "set-up": ["planted-set-up-secret", "verify-token:planted-verify-token"],
}


def _preset(source: dict[str, Any]) -> str:
    verify = source["verify"]
    return str(verify if isinstance(verify, str) else verify["preset"])


_KNOWN = every_source()
# The sources of presets that this folder's relay.yaml lacks, by preset.
_LISTED = {_preset(source) for source in _yaml(HERE / "relay.yaml")["sources"].values()}
FURTHER = {
    preset: (name, source)
    for name, source in _KNOWN.config["sources"].items()
    if (preset := _preset(source)) not in _LISTED
}
_WITH_KEYS = {"discord", "sendgrid", "adyen", "public-key"}  # their keys have a form of their own
SECRETS |= {
    preset: _KNOWN.secrets["sources"][name] if preset in _WITH_KEYS else f"planted-{preset}-secret"
    for preset, (name, source) in FURTHER.items()
    if PRESETS[preset].has_secret
}


@pytest.fixture(scope="session")
def relay_in_memory() -> Iterator[Relay]:
    """Gives a relay with the sources of this folder's relay.yaml, with those of every further sender under its hostile
    routes and, named `example-…`, with those of the example.
    """
    config = _yaml(HERE / "relay.yaml")
    routes = config["sources"]["github"]["routes"]
    further = {preset: {"verify": source["verify"], "routes": routes} for preset, (_, source) in FURTHER.items()}
    examples = {f"example-{name}": source for name, source in _KNOWN.config["sources"].items()}
    secrets = SECRETS | {
        name: SECRETS[_preset(source)] for name, source in examples.items() if _preset(source) in SECRETS
    }
    with relay(
        {"scenarios": config["scenarios"], "sources": further | config["sources"] | examples}, {"sources": secrets}
    ) as made:
        yield made


@pytest.fixture
def inprocess(relay_in_memory: Relay, request: pytest.FixtureRequest) -> Iterator[Relay]:
    """Gives an empty relay, whose log pytest doesn't capture, because pytest would keep thousands of records."""
    plugin = request.config.pluginmanager.get_plugin("logging-plugin")
    handlers = [plugin.caplog_handler, plugin.report_handler] if plugin else []
    for handler in handlers:
        handler.addFilter(_nothing)
    relay_in_memory.forget()
    yield relay_in_memory
    for handler in handlers:
        handler.removeFilter(_nothing)


def _nothing(_record: Any) -> bool:
    return False


class Contract:
    """The contract of docs/openapi.yaml. `faults` lists what it doesn't document in an answer."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._operations = document["paths"]["/webhooks/{source}"]
        self._validators: dict[tuple[str, str, str], Draft202012Validator] = {}

    def faults(self, status: int, headers: dict[str, str], text: str, method: str = "post") -> list[str]:
        responses = self._operations[method]["responses"]
        response = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        if response is None:
            return [f"status {status} is undocumented"]
        response = self._resolved(response)
        media_type = headers.get("content-type", "").partition(";")[0]
        if media_type not in response["content"]:
            return [f"{status} as {media_type} is undocumented"]
        missing = [f"header {name}" for name in response.get("headers", {}) if name.lower() not in headers]
        if media_type == "text/plain":
            return missing
        return missing + [
            f"{e.json_path}: {e.message}"
            for e in self._validator(method, status, media_type, response).iter_errors(json.loads(text))
        ]

    def _validator(self, method: str, status: int, media_type: str, response: Any) -> Draft202012Validator:
        key = (method, str(status), media_type)
        if key not in self._validators:
            schema = response["content"][media_type]["schema"]
            self._validators[key] = Draft202012Validator({**schema, "components": self.document["components"]})
        return self._validators[key]

    def _resolved(self, response: dict[str, Any]) -> dict[str, Any]:
        name = response.get("$ref", "").rpartition("/")[2]
        found: dict[str, Any] = self.document["components"]["responses"][name] if name else response
        return found


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract(yaml.safe_load((PROJECT / "docs" / "openapi.yaml").read_text(encoding="utf-8")))


@pytest.fixture(params=[pytest.param(0.1, id="some"), pytest.param(1.0, id="all", marks=pytest.mark.slow)])
def share(request: pytest.FixtureRequest) -> float:
    """The share of the requests that a run sends: a tenth in `make test`, all 20,000 in `make soak`."""
    return float(request.param)


@pytest.fixture
def tally() -> Counter[int]:
    """Counts the answers by status. The end of the run prints the sums over all test processes."""
    return Counter()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    counted: Any = item.funcargs.get("tally")
    if call.when == "call" and counted:
        report.user_properties.append(("hostile_requests", {str(status): n for status, n in counted.items()}))
    return report
