"""Checks the two files as a whole: what the check verb, a push and `make run` say of them is the same."""

from pathlib import Path

from configuration.checking import secretless
from configuration.files import Unreadable, read_yaml
from configuration.mistakes import Mistake, Mistakes, of_unreadable
from configuration.parameters import parameters_of


def check(config: Path, secrets: Path | None) -> list[Mistake]:
    """Gives all mistakes. A missing secret is one if a secrets file is given."""
    found = []
    read = []
    for file in (config, secrets):
        try:
            read.append(read_yaml(file) if file else None)
        except Unreadable as problem:
            found.append(of_unreadable(problem))
    if found:
        return found
    content, known = read
    try:
        parameters_of(content or {}, known or {}, "/checked")
    except Mistakes as mistakes:
        found += mistakes.found
    if known is not None and content is not None:
        found += secretless(content, known.get("sources") or {})
    return sorted(found, key=lambda one: (one.file or "", one.line or 0, one.column or 0))
