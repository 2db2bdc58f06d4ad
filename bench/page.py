"""Puts the results into docs/performance.md and draws its plots.

`python -m bench.page` does it again without measuring.
"""

import json
import re
from pathlib import Path
from typing import Any

from bench.plot import plot
from bench.table import tables
from sandbox.stack.settings import PROJECT

RESULTS = Path(__file__).with_name("results.json")
PAGE = PROJECT / "docs" / "performance.md"
PLOTS = PROJECT / "docs" / "performance"
_IMAGES = {
    "growth.svg": "A warm event's processor time against what grows",
    "deliveries.svg": "Messages delivered a second against deliveries at once",
}
_MADE = re.compile(r"(<!-- made by bench/page\.py -->\n).*?(<!-- end -->)", re.DOTALL)


def plots(results: dict[str, Any]) -> dict[str, str]:
    """The page's plots, by their files' names."""
    growing, reached = results["growth"], results["deliveries"]
    return {
        "growth.svg": plot("A warm event's processor time against what grows", "how many", "ms", growing),
        "deliveries.svg": plot(
            "Messages delivered a second while OMNI takes 150 ms", "deliveries at once", "per second", {"ours": reached}
        ),
    }


def made(results: dict[str, Any]) -> str:
    """Returns the page's part about the results."""
    about = f"Measured on {results['date']} on {results['machine']}, in {results['count']} rounds."
    images = "\n\n".join(f"![{alternative}](performance/{name})" for name, alternative in _IMAGES.items())
    return f"{about}\n\n{tables(results)}\n\n{images}\n"


def read() -> dict[str, Any]:
    """The results of the last run that wrote the page."""
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return found


def write(results: dict[str, Any]) -> None:
    """Replaces the page's tables and the plots."""
    text = PAGE.read_text("utf-8")
    PAGE.write_text(_MADE.sub(lambda found: found[1] + made(results) + found[2], text), "utf-8")
    PLOTS.mkdir(exist_ok=True)
    for name, drawn in plots(results).items():
        (PLOTS / name).write_text(drawn, "utf-8")


if __name__ == "__main__":
    write(read())
