"""Hooks for the whole test run: the garbage collector's start, and the summary of hostile requests at the end."""

import gc
import os
from collections import Counter
from typing import Any

os.environ["RUN_FILE"] = os.devnull + "/run.json"  # tests must not find the stack that a developer runs


def pytest_collection_finish() -> None:
    """Exempts the objects that exist by now from garbage collection.

    Collecting them again and again would use up the time limit of the templates under test.
    """
    gc.freeze()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints how many hostile requests were sent.

    The hook stands in this file because, if there are several test processes, the main one reads no other conftest.
    """
    total: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        total += Counter(dict(report.user_properties).get("hostile_requests", {}))
    if total:
        by_status = ", ".join(f"{status}: {number}" for status, number in sorted(total.items()))
        terminalreporter.write_line(f"hostile requests: {total.total()} ({by_status})")
