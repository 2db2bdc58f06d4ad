"""How long `omni-relay` takes to start, beside `import boto3`: `python -m bench.starting`."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

_ROUNDS = 10
_CASES: Mapping[str, tuple[Sequence[str], Mapping[str, str]]] = {
    "import boto3": (("-c", "import boto3"), {}),
    "omni-relay --help": (("-m", "cli", "--help"), {}),
    "omni-relay plan --help": (("-m", "cli", "plan", "--help"), {}),
    "completion of a verb": (
        ("-m", "cli"),
        {"_OMNI_RELAY_COMPLETE": "bash_complete", "COMP_WORDS": "omni-relay p", "COMP_CWORD": "1"},
    ),
}


def main() -> None:
    """Prints the median of each case in milliseconds, and its ratio to the first."""
    times: dict[str, list[float]] = {name: [] for name in _CASES}
    for _ in range(_ROUNDS):  # in turns, so that a busy moment hits all alike
        for name, (arguments, variables) in _CASES.items():
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, *arguments], env=os.environ | dict(variables), stdout=subprocess.DEVNULL, check=True
            )
            times[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(found) for name, found in times.items()}
    unit = medians["import boto3"]
    for name, median in medians.items():
        sys.stdout.write(f"{name:<24} {median * 1000:6.0f} ms  {median / unit:.2f}\n")


if __name__ == "__main__":
    main()
