"""Reads settings as people write them; a mistake names its field, and never repeats a value, which may be a secret."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from relay.message.wording import NO_SUCH_FIELD, field_errors
from relay.problems import WHOLE_BODY, Mistake

_M = TypeVar("_M", bound=BaseModel)


def read(model: type[_M], raw: Any) -> _M:
    """Validates `raw`.

    Raises:
        Mistake: the first that is found; its place is the field, or empty for the whole.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as problem:
        first = field_errors(problem)[0]
        words = first.problem.replace("an object", "a mapping")  # as YAML calls it
        hint = f"; {_page(first.field, raw)} lists them" if words == NO_SUCH_FIELD else ""
        raise Mistake(words + hint, "" if first.field == WHOLE_BODY else first.field) from None


def _page(field: str, raw: Any) -> str:
    """Returns the page about this field. Fields of `verify` are those of a known preset, and each has its page."""
    return f"docs/senders/{raw['verify']['preset']}.md" if field.startswith("verify.") else "docs/configuration.md"


@contextmanager
def at(field: str) -> Iterator[None]:
    """Gives a Mistake that is made within it `field` as its place."""
    try:
        yield
    except Mistake as mistake:
        raise Mistake(str(mistake), field) from None


@contextmanager
def below(field: str) -> Iterator[None]:
    """Puts `field` before the place of a Mistake that is made within it."""
    try:
        yield
    except Mistake as mistake:
        raise Mistake(mistake.detail, f"{field}.{mistake.place}" if mistake.place else field) from None
