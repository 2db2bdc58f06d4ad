"""Modules that only some sources need aren't imported for the others, because it would make each cold start slower."""

import subprocess
import sys

import pytest

COSTLY = {"jwt", "cryptography", "relay.verification.settings"}


def imported(code: str) -> set[str]:
    """Returns the costly modules that a new process holds after `code`."""
    command = [sys.executable, "-c", f"import sys; {code}; print(*({COSTLY!r} & set(sys.modules)))"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_a_preset_by_its_name_needs_none_of_them() -> None:
    names = ("github", "slack", "zoom", "meta", "standard-webhooks", "bearer", "sendgrid")
    assert imported(f"from relay.verification import parse; [parse(name) for name in {names!r}]") == set()


@pytest.mark.parametrize("verify", [{"preset": "stripe", "tolerance": 60}, {"preset": "hmac", "header": "X-Sig"}])
def test_settings_need_their_models_only(verify: dict[str, str]) -> None:
    assert imported(f"from relay.verification import parse; parse({verify!r})") == {"relay.verification.settings"}
