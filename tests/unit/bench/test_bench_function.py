"""The bench runs a handler under Lambda's runtime client, and counts the processor time of its process alone."""

import sys
from pathlib import Path

import pytest

from bench.function import Function, FunctionFailed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the clock of another process is Linux's")

HANDLER = """
import time

def handler(event, _):
    if event.get("fail"):
        raise ValueError("planted")
    until = time.process_time() + event["work"]
    while time.process_time() < until:
        pass
    time.sleep(event["wait"])
    return {"did": event["work"]}
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(HANDLER)
    return tmp_path


def test_work_counts_and_a_wait_does_not(program: Path):
    with Function(Path(sys.executable), program, "program.handler", {}) as function:
        answer, working = function.invoke({"work": 0.2, "wait": 0})
        _, waiting = function.invoke({"work": 0, "wait": 0.2})
        assert answer == {"did": 0.2}
        assert function.init_ms > 0
        assert working >= 200
        assert waiting < 100
        assert function.peak_megabytes() > 5


def test_a_handler_that_fails_is_told_with_its_words(program: Path):
    with (
        Function(Path(sys.executable), program, "program.handler", {}) as function,
        pytest.raises(FunctionFailed, match="planted"),
    ):
        function.invoke({"fail": True})


def test_a_module_that_can_t_be_imported_is_told(program: Path):
    with pytest.raises(FunctionFailed, match="nowhere"), Function(Path(sys.executable), program, "nowhere.handler", {}):
        pass


def test_after_a_snapshot_the_process_goes_on_when_it_is_restored(program: Path):
    with Function(Path(sys.executable), program, "program.handler", {}, snapshot=True) as function:
        assert function.restore() >= 0
        assert function.invoke({"work": 0, "wait": 0})[0] == {"did": 0}
