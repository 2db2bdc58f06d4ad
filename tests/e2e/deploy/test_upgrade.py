"""The way back: the last version, taken out of the history, delivers what this version has queued and parked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from relay.model.items import Reason
from sandbox.stack.settings import PROJECT
from tests.support.stored_items import ONE, TWO, stored

pytestmark = pytest.mark.e2e
LAST = json.loads((PROJECT / "tests/unit/model/items/0.1.0.json").read_text("utf-8"))["commit"]

# It runs in the last version's folder, with its modules. It prints the addresses that each item reached, and how many
# messages the last version sees in each of today's receipts.
DELIVER = """
import json, sys
from relay.delivering import Deliverer
from relay.parking import Parked
from relay.sending import Settled
from tests.support.fakes import World

def delivered(body):
    world = World(limit=1)
    to = [{"phone": "+41793026727"}, {"phone": "+41793026731"}]
    route = {"scenario": "incident", "to": to, "text": "{{ body.text }}"}
    world.add_source("ci", {"all": route}, delivery="queued")
    world.clock.advance(86_400)
    deliverer = Deliverer(world.configuration, world.relayer)
    assert deliverer.deliver(body, 1) is None
    while world.outbox.queue:
        item, _ = world.outbox.queue.pop(0)
        assert deliverer.deliver(item.model_dump_json(by_alias=True), 1) is None
    assert not world.outbox.parked
    return sorted(world.omni.accepted.values())

def replayed(item):
    replay = Parked.model_validate(item).replayed(World().clock.now())
    return replay and delivered(replay.model_dump_json(by_alias=True))

items = json.load(sys.stdin)
settled = {name: Settled.model_validate(receipt["record"]) for name, receipt in items["receipts"].items()}
print(json.dumps({
    "queue": {name: delivered(json.dumps(item)) for name, item in items["queue"].items()},
    "parked": {name: replayed(item) for name, item in items["parked"].items()},
    "receipts": {name: [s.receipt is not None, s.parked, s.requeued] for name, s in settled.items()},
}))
"""


@pytest.fixture(scope="module")
def last_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Skipped where the history is cut off. tests/unit/model checks the schemas without it."""
    folder = tmp_path_factory.mktemp("last")
    archive = folder / "last.tar"
    git = ["git", "archive", f"--output={archive}", LAST, "src", "tests/support"]
    if subprocess.run(git, cwd=PROJECT, capture_output=True, check=False).returncode:
        pytest.skip(f"the history doesn't hold {LAST[:7]}")
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    return folder


def test_the_last_version_delivers_what_this_one_has_stored(last_version: Path):
    items = stored()
    done = subprocess.run(
        [sys.executable, "-c", DELIVER],
        cwd=last_version,
        input=json.dumps(items),
        env={"PYTHONPATH": f"{last_version / 'src'}:{last_version}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert read["queue"].keys() == items["queue"].keys()
    assert all(read["queue"].values())
    assert {name for name, phones in read["parked"].items() if not phones} == {Reason.MALFORMED_ITEM}
    # docs/reliability.md says what the rest means. It derives other ids from an event whose id stood in a header.
    assert read["queue"]["rest_of_an_event"] == [ONE, TWO]
    # It sees that today's receipts exist, and not which messages they hold.
    for name, (has_messages, parked, requeued) in read["receipts"].items():
        record = items["receipts"][name]["record"]
        assert (has_messages, parked, requeued) == (False, record["parked"], record["requeued"])
