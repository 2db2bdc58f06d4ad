"""`make bench` runs this after `sam build`: it measures, prints the tables, and writes the results and the page."""

import json
import platform
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bench import measures, page
from bench.builds import programs, read_only, runtime_python
from bench.scene import scene
from bench.table import tables
from bench.usage import processor
from build import CannotBuildError


def results(count: int) -> dict[str, Any]:
    """Measures everything, in `count` rounds."""
    packed, python = programs(), runtime_python()
    version = subprocess.run([str(python), "-V"], capture_output=True, text=True, check=True).stdout.strip()
    _note("calls")
    with read_only([program.folder for program in packed.values()]), scene(python) as running:
        return {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "machine": f"{processor()} ({platform.machine()}), {version}",
            "count": count,
            "sizes": {program.name: program.size() for program in packed.values()},
            "calls": measures.calls(running, packed),
            "rounds": measures.rounds(running, packed, count, _note),
            "deliveries": measures.deliveries(running, packed["ours"], _note),
            "growth": measures.growth(running, packed["ours"], _note),
        }


def _note(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    parser = ArgumentParser(prog="make bench", description="Compares the relay with two floors and a peer.")
    parser.add_argument("--rounds", type=int, default=7, help="how often everything is measured, in turn")
    parser.add_argument("--no-page", action="store_true", help="only print: change no file")
    options = parser.parse_args(arguments)
    try:
        found = json.loads(json.dumps(results(options.rounds)))
    except CannotBuildError as problem:
        parser.error(str(problem))
    if not options.no_page:
        page.RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        page.write(found)
    sys.stdout.write(tables(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
