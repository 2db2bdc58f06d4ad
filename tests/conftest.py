"""What holds for a whole run, and what it says at its end."""

import gc
from collections import Counter
from typing import Any


def pytest_collection_finish() -> None:
    """What is there by now stays. To walk it again and again would use up the time that a template has."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many hostile requests were sent. Here, since of several test processes the first reads only this file."""
    total: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        total += Counter(dict(report.user_properties).get("hostile_requests", {}))
    if total:
        by_status = ", ".join(f"{status}: {number}" for status, number in sorted(total.items()))
        terminalreporter.write_line(f"hostile requests: {total.total()} ({by_status})")
